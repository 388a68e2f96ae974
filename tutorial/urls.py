from django.urls import path

from tutorial import views

app_name = "tutorial"
urlpatterns = [
    path("", views.index, name="index"),
    path("triggers/", views.triggers, name="triggers"),
    path("docs/<path:path>", views.documentation, name="documentation"),
    path("docs/", views.documentation, {"path": ""}, name="documentation"),
    path("<slug:slug>/", views.chapter, name="chapter"),
    path("<slug:slug>/run/", views.run, name="run"),
    path("<slug:slug>/try/", views.attempt, name="attempt"),
    path("<slug:slug>/check/", views.check, name="check"),
]
