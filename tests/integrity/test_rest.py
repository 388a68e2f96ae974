from typing import Any

import pytest
from rest_framework import serializers

from integrity.rest import RefusedWritesMixin

from .conftest import add_rule
from .models import Prompt, Team

pytestmark = pytest.mark.django_db


class TeamList(RefusedWritesMixin, serializers.ListSerializer):
    pass


class TeamSerializer(RefusedWritesMixin, serializers.ModelSerializer):
    title = serializers.CharField(source="name")

    class Meta:
        model = Team
        fields = ["title", "motto"]
        list_serializer_class = TeamList


class PromptSerializer(RefusedWritesMixin, serializers.ModelSerializer):
    class Meta:
        model = Prompt
        fields = ["rank", "place"]


def refusal_of(serializer: Any) -> Any:
    """The error of a save that the database refuses, after validation has let it pass."""
    assert serializer.is_valid()
    with pytest.raises(serializers.ValidationError) as raised:
        serializer.save()
    return raised.value.detail


def test_the_error_is_under_the_serializers_name_of_the_field() -> None:
    add_rule("CHECK (name <> 'b')")
    detail = refusal_of(TeamSerializer(data={"title": "b"}))
    assert list(detail) == ["title"]
    assert "“by_hand”" in detail["title"][0]
    assert detail["title"][0].code == "23514"


def test_what_is_about_no_field_is_an_error_of_the_serializer() -> None:
    add_rule("CHECK (name <> motto)")
    detail = refusal_of(TeamSerializer(data={"title": "b", "motto": "b"}))
    assert list(detail) == ["non_field_errors"]


def test_what_commit_would_refuse_is_refused() -> None:
    Prompt.objects.create(rank=1, place=1)
    serializer = PromptSerializer(data={"rank": 2, "place": 1})
    serializer.fields["place"].validators = []
    serializer.validators = []
    assert refusal_of(serializer) == {"place": ["Prompt with this Place already exists."]}
    assert Prompt.objects.count() == 1


def test_an_update_is_refused_too() -> None:
    team = Team.objects.create(name="a")
    add_rule("CHECK (name <> 'b')")
    assert list(refusal_of(TeamSerializer(team, data={"title": "b"}))) == ["title"]


def test_many_are_saved_all_or_none() -> None:
    add_rule("CHECK (name <> 'b')")
    detail = refusal_of(TeamSerializer(data=[{"title": "a"}, {"title": "b"}], many=True))
    assert list(detail) == ["non_field_errors"]
    assert not Team.objects.exists()


def test_a_field_that_is_only_read_does_not_have_the_error() -> None:
    class MottoSerializer(TeamSerializer):
        class Meta(TeamSerializer.Meta):
            read_only_fields = ["motto"]

    add_rule("CHECK (motto <> '')")
    detail = refusal_of(MottoSerializer(data={"title": "a"}))
    assert list(detail) == ["non_field_errors"]
    assert detail["non_field_errors"][0].startswith("Motto: ")


def test_a_field_of_that_name_of_another_model_does_not_have_the_error() -> None:
    class PromptAndTeamSerializer(PromptSerializer):
        name = serializers.CharField(write_only=True)

        class Meta(PromptSerializer.Meta):
            fields = ["rank", "place", "name"]

        def create(self, validated_data: Any) -> Any:
            Team.objects.create(name=validated_data.pop("name"))
            return super().create(validated_data)

    add_rule("CHECK (name <> 'b')")
    detail = refusal_of(PromptAndTeamSerializer(data={"rank": 1, "place": 1, "name": "b"}))
    assert list(detail) == ["non_field_errors"]


def test_a_row_that_the_database_takes_is_saved() -> None:
    serializer = TeamSerializer(data={"title": "a"})
    assert serializer.is_valid()
    assert serializer.save() == Team.objects.get()
