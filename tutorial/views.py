"""The tutorial's pages."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from pgtrigger.admin.firing import firing
from pgtrigger.admin.trigger_map import trigger_map
from pgtrigger.models import PgTrigger
from tutorial import sandbox
from tutorial.catalog import InstalledConstraint
from tutorial.chapters import Chapter, all_chapters, get_chapter
from tutorial.listing import listing
from tutorial.playback import Play, play
from tutorial.scenarios import PARTS
from tutorial.source import model_source
from tutorial.states import diagrams
from tutorial.timeline import timeline


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    parts = {
        part: [chapter for chapter in all_chapters() if chapter.part == part] for part in PARTS
    }
    return render(request, "tutorial/index.html", {"parts": parts, "first": all_chapters()[0]})


@require_GET
def chapter(request: HttpRequest, slug: str) -> HttpResponse:
    found = _chapter(slug)
    context = _stage(found) | {"sandbox": sandbox.visit(found.models)}
    return render(request, "tutorial/chapter.html", context)


@require_POST
@never_cache
def run(request: HttpRequest, slug: str) -> HttpResponse:
    """Play the scenario: the page with the play on it, or for htmx the stage alone."""
    found = _chapter(slug)
    context = _stage(found, play(found))
    if request.headers.get("HX-Request"):
        return render(request, "tutorial/_stage.html", context)
    context["sandbox"] = sandbox.visit(found.models)
    return render(request, "tutorial/chapter.html", context)


@require_POST
@never_cache
def attempt(request: HttpRequest, slug: str) -> HttpResponse:
    """One step in the sandbox: the page with its outcome, or for htmx the sandbox alone."""
    found = _chapter(slug)
    journal = sandbox.read_journal(request.POST.get("journal", ""), found.models)
    outcome = sandbox.visit(
        found.models, journal, request.POST.get("action", ""), data=request.POST
    )
    if request.headers.get("HX-Request"):
        context = {"chapter": found, "sandbox": outcome}
        return render(request, "tutorial/_sandbox.html", context)
    return render(request, "tutorial/chapter.html", _stage(found) | {"sandbox": outcome})


@require_GET
@never_cache
def triggers(request: HttpRequest) -> HttpResponse:
    """The map of all triggers: the whole page, or for htmx the table alone."""
    search = request.GET.get("q", "").strip()
    template = "_map" if request.headers.get("HX-Request") else "triggers"
    context = {"entries": trigger_map(search), "search": search}
    return render(request, f"tutorial/{template}.html", context)


def _chapter(slug: str) -> Chapter:
    try:
        return get_chapter(slug)
    except LookupError as error:
        raise Http404(str(error)) from None


def _stage(chapter: Chapter, performance: Play | None = None) -> dict[str, Any]:
    """What the page of a chapter shows but the sandbox, before a play or after one."""
    chapters = all_chapters()
    return {
        "chapter": chapter,
        "chapters": chapters,
        "previous": chapters[chapter.number - 2] if chapter.number > 1 else None,
        "next": chapters[chapter.number] if chapter.number < len(chapters) else None,
        "play": performance,
        "lines": listing(chapter, performance),
        "states": [found for model in chapter.models for found in diagrams(model, performance)],
        "timelines": [
            timeline(f"The history of one {name}", events)
            for name, events in (performance.history if performance else {}).items()
            if events
        ],
        "models": [
            {
                "name": model.__name__,
                "source": model_source(model),
                "firing": firing(model),
                "triggers": PgTrigger.objects.on(model),
                "constraints": InstalledConstraint.objects.on(model),
            }
            for model in chapter.models
        ],
    }
