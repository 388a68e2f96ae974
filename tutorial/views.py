"""The tutorial's pages."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from django.views.static import serve

from pgtrigger.admin.firing import firing
from pgtrigger.admin.trigger_map import trigger_map
from pgtrigger.models import PgTrigger
from tutorial import sandbox
from tutorial.busy import busy_page
from tutorial.catalog import InstalledConstraint
from tutorial.chapters import Chapter, all_chapters, get_chapter
from tutorial.documentation import pages
from tutorial.exercises.judging import judge
from tutorial.exercises.parsing import MAX_CHARACTERS
from tutorial.exercises.tasks import EXERCISES
from tutorial.listing import listing
from tutorial.pictures import PICTURES
from tutorial.project_steps import project_steps
from tutorial.running import ChapterRun, run_chapter
from tutorial.scenarios import PARTS
from tutorial.source import source_lines
from tutorial.states import diagrams
from tutorial.tables import changes_by_table
from tutorial.timeline import drawn, event_models

DOCUMENTATION = settings.BASE_DIR / "docs/_build/html"
DOCUMENTATION_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The list of chapters."""
    return _page(request, "index", {"first": all_chapters()[0]})


@require_GET
@busy_page
def chapter(request: HttpRequest, slug: str) -> HttpResponse:
    """A chapter before it is run."""
    found = _chapter(slug)
    context = _chapter_context(found) | {"sandbox": _empty_sandbox(found)}
    if "answer" in request.GET:
        context |= _exercise_context(found, request.GET["answer"][:MAX_CHARACTERS])
    return _page(request, "chapter", context)


@require_POST
@never_cache
@busy_page
def run(request: HttpRequest, slug: str) -> HttpResponse:
    """Run a chapter. Return its page with the results, or only the results if htmx asks."""
    found = _chapter(slug)
    context = _chapter_context(found, run_chapter(found))
    if request.headers.get("HX-Request"):
        return render(request, "tutorial/_results.html", context)
    context["sandbox"] = _empty_sandbox(found)
    return _page(request, "chapter", context)


@require_POST
@never_cache
@busy_page
def attempt(request: HttpRequest, slug: str) -> HttpResponse:
    """Take a step in the sandbox. Return the page, or only the sandbox if htmx asks."""
    found = _chapter(slug)
    journal = sandbox.read_journal(request.POST.get("journal", ""), found.models)
    outcome = sandbox.visit(
        found.models,
        journal,
        request.POST.get("action", ""),
        data=request.POST,
        chapter=found.module_name,
    )
    if request.headers.get("HX-Request"):
        context = {"chapter": found, "sandbox": outcome}
        return render(request, "tutorial/_sandbox.html", context)
    return _page(request, "chapter", _chapter_context(found) | {"sandbox": outcome})


@require_POST
@never_cache
@busy_page
def check(request: HttpRequest, slug: str) -> HttpResponse:
    """Judge an answer to the exercise. Return the page, or only the exercise if htmx asks."""
    found = _chapter(slug)
    exercise = EXERCISES[found.module_name]
    is_solution = request.POST.get("action") == "solve"
    # One character more than allowed is enough for judge() to reject the answer.
    sent = request.POST.get("answer", "")[: MAX_CHARACTERS + 1]
    answer = exercise.solution if is_solution else sent
    context = _exercise_context(found, answer) | {"verdict": judge(exercise, answer)}
    context["is_solution"] = is_solution
    if request.headers.get("HX-Request"):
        return render(request, "tutorial/_exercise.html", context)
    shown = {"sandbox": _empty_sandbox(found)}
    return _page(request, "chapter", _chapter_context(found) | shown | context)


@require_GET
@never_cache
def triggers(request: HttpRequest) -> HttpResponse:
    """The map of all triggers: the whole page, or only the table if htmx asks."""
    search = request.GET.get("q", "").strip()
    context = {"entries": trigger_map(search), "search": search}
    if request.headers.get("HX-Request"):
        return render(request, "tutorial/_map.html", context)
    return _page(request, "triggers", context)


def _empty_sandbox(chapter: Chapter) -> sandbox.Sandbox:
    return sandbox.visit(chapter.models, chapter=chapter.module_name)


def _chapter(slug: str) -> Chapter:
    try:
        return get_chapter(slug)
    except LookupError as error:
        raise Http404(str(error)) from None


@require_GET
def documentation(request: HttpRequest, path: str) -> HttpResponseBase:
    """A file of the documentation, if it was built with `make docs`."""
    if not (DOCUMENTATION / "index.html").exists():
        raise Http404("The documentation is not built: run `make docs`.")
    if not path or path.endswith("/"):
        path += "index.html"
    response = serve(request, path, document_root=str(DOCUMENTATION))
    # Allow inline scripts and styles, which Furo's pages contain.
    response["Content-Security-Policy"] = DOCUMENTATION_POLICY
    return response


def _page(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    """Render a whole page, with the list of all chapters."""
    parts = {
        part: [chapter for chapter in all_chapters() if chapter.part == part] for part in PARTS
    }
    context |= {"parts": parts, "has_documentation": (DOCUMENTATION / "index.html").exists()}
    return render(request, f"tutorial/{name}.html", context)


def _exercise_context(chapter: Chapter, answer: str | None = None) -> dict[str, Any]:
    """Return the context of an exercise; ``answer`` is None before the reader has answered."""
    exercise = EXERCISES[chapter.module_name]
    link = urlencode({"answer": answer}) if answer is not None else ""
    return {
        "chapter": chapter,
        "exercise": exercise,
        "exercise_lines": source_lines(exercise.model, with_rules=exercise.kind == "rules"),
        "answer": exercise.empty if answer is None else answer,
        "answer_link": f"?{link}#exercise" if link else "",
    }


def _chapter_context(chapter: Chapter, run: ChapterRun | None = None) -> dict[str, Any]:
    """Return the context of a chapter's page without its sandbox, before or after a run."""
    chapters = all_chapters()
    lines = listing(chapter, run)
    refused = [
        (line.number, answer.line) for line in lines for answer in line.answers if answer.refused
    ]
    return _exercise_context(chapter) | {
        "chapters": chapters,
        "previous": chapters[chapter.number - 2] if chapter.number > 1 else None,
        "next": chapters[chapter.number] if chapter.number < len(chapters) else None,
        "run": run,
        "lines": lines,
        "steps": project_steps(chapter),
        "pages": pages(chapter),
        "picture": PICTURES.get(chapter.module_name),
        "refused": refused,
        "states": [found for model in chapter.models for found in diagrams(model, run)],
        "tables": changes_by_table(run.frames) if run else [],
        "is_tracked": any(event_models(model) for model in chapter.models),
        "timelines": [
            (name, drawn(groups)) for name, groups in (run.history if run else {}).items() if groups
        ],
        "models": [
            {
                "name": model.__name__,
                "lines": source_lines(model),
                "firing": firing(model),
                "triggers": PgTrigger.objects.on(model),
                "constraints": InstalledConstraint.objects.on(model),
            }
            for model in chapter.models
        ],
    }
