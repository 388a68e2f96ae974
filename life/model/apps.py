"""The app of the tables."""

from django.apps import AppConfig


class ModelConfig(AppConfig):
    name = "life.model"
    label = "model"
