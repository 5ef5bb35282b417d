"""Any operator as a field of the Graph: `{"op": "conv", "kernel": [3, 3], ...}` in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from archlang.ops import registry
from archlang.ops.base import Operator

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue


class AnyOperator:
    """Any operator of the registry as a field: `{"op": "conv", "kernel": [3, 3], ...}` in JSON."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.read, serialization=core_schema.plain_serializer_function_ser_schema(cls.write)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"oneOf": [_operator_schema(op) for op in registry().values()]}

    @staticmethod
    def read(value: object) -> Operator:
        if isinstance(value, Operator):
            return value
        if not isinstance(value, dict):
            raise ValueError("an operator is an object with a field `op`")
        import json

        fields = dict(cast("dict[str, Any]", value))
        word = fields.pop("op", None)
        if not isinstance(word, str) or word not in registry():
            raise ValueError(f"there is no operator {word!r}")
        # through JSON, because there a strict tuple field accepts a list
        return registry()[word].model_validate_json(json.dumps(fields))

    @staticmethod
    def write(op: Operator) -> dict[str, Any]:
        return {"op": op.word, **op.model_dump(mode="json")}


def _operator_schema(op: type[Operator]) -> dict[str, Any]:
    schema = op.model_json_schema()
    schema["properties"] = {"op": {"const": op.word}, **schema.get("properties", {})}
    schema["required"] = ["op", *schema.get("required", [])]
    schema["title"] = op.word
    return schema
