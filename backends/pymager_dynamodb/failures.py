"""What DynamoDB's refusals mean in the words of the port."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiodynamo.errors import AIODynamoError, ConditionalCheckFailed, TableNotFound, ValidationException

from pymager.errors import NoSpace, Unavailable
from pymager_dynamodb.items import Item
from pymager_dynamodb.requests import reason

_TOO_LARGE = "exceeded the maximum allowed size"  # DynamoDB has no other word for it


class Unmet(Exception):
    """A condition did not hold; `item` is what stands there, empty where nothing does."""

    def __init__(self, item: Item) -> None:
        super().__init__("the condition does not hold")
        self.item = item


@contextmanager
def translated(table: str) -> Iterator[None]:
    """Turn aiodynamo's errors into `Unmet`, `NoSpace` and `Unavailable`. A refusal is an answer: nothing was done."""
    try:
        yield
    except ConditionalCheckFailed as error:
        raise Unmet(error.args[0].get("Item", {})) from None
    except TableNotFound as error:
        raise Unavailable(f"there is no table '{table}' (any more); run: pymager init", outcome_known=True) from error
    except ValidationException as error:
        if _TOO_LARGE in reason(error):
            raise NoSpace("the id has had more revisions than a DynamoDB item of 400 KB can hold") from error
        raise Unavailable(f"DynamoDB refused it: {reason(error)}", outcome_known=True) from error
    except AIODynamoError as error:
        raise Unavailable(f"DynamoDB refused it: {reason(error)}", outcome_known=True) from error
