"""`python -m pymager`, and the command `pymager`."""


def main() -> None:
    """Run the command line."""
    from pymager.cli import program

    program()


if __name__ == "__main__":
    main()
