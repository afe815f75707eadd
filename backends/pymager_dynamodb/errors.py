"""Translation of DynamoDB's refusals into the errors of the port."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiodynamo.errors import (
    AIODynamoError,
    ConditionalCheckFailed,
    TableNotFound,
    TransactionCanceled,
    ValidationException,
)

from pymager.errors import NoSpace, Unavailable
from pymager_dynamodb.client import reason
from pymager_dynamodb.items import Item

_ITEM_TOO_LARGE = "exceeded the maximum allowed size"  # DynamoDB has no error code for it


class ConditionFailed(Exception):
    """A condition was false; `item` is the stored item, empty if there is none."""

    def __init__(self, item: Item) -> None:
        super().__init__("the condition is false")
        self.item = item


@contextmanager
def translated_errors(table: str) -> Iterator[None]:
    """Turn aiodynamo's errors into `ConditionFailed`, `NoSpace` and `Unavailable`.

    They are all refusals, so the outcome is known: nothing changed.
    """
    try:
        yield
    except ConditionalCheckFailed as error:
        raise ConditionFailed(error.args[0].get("Item", {})) from None
    except TransactionCanceled as error:
        raise _canceled(error) from None
    except TableNotFound as error:
        raise Unavailable(f"the table '{table}' no longer exists; run: pymager init", outcome_known=True) from error
    except ValidationException as error:
        if _ITEM_TOO_LARGE in reason(error):
            raise NoSpace("the id has had more revisions than fit into a DynamoDB item of 400 KB") from error
        raise Unavailable(f"DynamoDB refused the request: {reason(error)}", outcome_known=True) from error
    except AIODynamoError as error:
        raise Unavailable(f"DynamoDB refused the request: {reason(error)}", outcome_known=True) from error


def _canceled(error: TransactionCanceled) -> Exception:
    """What canceled a transaction, by the first of its items that did (API reference, TransactWriteItems)."""
    reasons = error.body["CancellationReasons"]
    code, item, message = next(
        (
            (reason["Code"], reason.get("Item") or {}, str(reason.get("Message")))
            for reason in reasons
            if reason["Code"] != "None"
        ),
        ("", {}, ""),
    )
    if code == "ConditionalCheckFailed":
        return ConditionFailed(item)
    if code == "ValidationError" and _ITEM_TOO_LARGE in message:
        return NoSpace("the id has had more revisions than fit into a DynamoDB item of 400 KB")
    return Unavailable(f"DynamoDB canceled the transaction: {code}: {message[:300]}", outcome_known=True)
