"""A write that PostgreSQL refused, as the error of a serializer of Django REST framework.

https://www.django-rest-framework.org/api-guide/serializers/#validation
"""

from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, router
from django.db.models import Model
from rest_framework import serializers
from rest_framework.settings import api_settings

from .refusals import Refused, refusable

if TYPE_CHECKING:
    BaseSerializer = serializers.BaseSerializer[Any]
else:
    BaseSerializer = serializers.BaseSerializer


class RefusedWritesMixin(BaseSerializer):
    """A serializer whose ``save`` raises what the database refuses as a ValidationError.

        class BookSerializer(RefusedWritesMixin, serializers.ModelSerializer):
            ...

    The write is rolled back. The error's key is the name of the refused field, if the serializer
    can write that field. Many rows are saved by a ListSerializer: mix this class into a subclass
    of it as well, and name that in ``Meta.list_serializer_class``.
    """

    def save(self, **kwargs: Any) -> Any:
        model = _model(self)
        try:
            with refusable(using=DEFAULT_DB_ALIAS if model is None else router.db_for_write(model)):
                return super().save(**kwargs)
        except Refused as refused:
            raise serializers.ValidationError(
                _errors(self, refused, model), code=refused.code
            ) from refused


def _model(serializer: BaseSerializer) -> type[Model] | None:
    """The model of a ModelSerializer, or of those in a list."""
    meta = getattr(getattr(serializer, "child", serializer), "Meta", None)
    return getattr(meta, "model", None)


def _errors(
    serializer: BaseSerializer, refused: Refused, model: type[Model] | None
) -> dict[str, list[str]]:
    if model is None or refused.is_about(model):
        shown = [
            name
            for name, field in getattr(serializer, "fields", {}).items()
            if field.source in refused.fields and not field.read_only
        ]
        if shown:
            return {name: [refused.message] for name in shown}
    return {api_settings.NON_FIELD_ERRORS_KEY: [str(refused)]}
