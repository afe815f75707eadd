"""The metadata backend for DynamoDB. It sends its own requests and uses the error classes of aiodynamo."""

from pymager_dynamodb.store import DynamoMetadata

__all__ = ["DynamoMetadata"]
