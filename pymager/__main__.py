"""`python -m pymager`, and the command `pymager`."""

from pymager.imports import uncollected


def main() -> None:
    """Run the command line."""
    with uncollected():
        from pymager.cli import program

    program()


if __name__ == "__main__":
    main()
