"""The metadata backend over DynamoDB, on aiodynamo's signatures, errors and credentials."""

from pymager_dynamodb.store import DynamoMetadata

__all__ = ["DynamoMetadata"]
