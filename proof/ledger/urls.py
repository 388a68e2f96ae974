"""A page that carries out a step, for the proofs that write through gunicorn."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from proof.ledger.operation import carry_out, is_done


@csrf_exempt
def step(request: HttpRequest, writer: int, step: int) -> HttpResponse:
    """Carry out a step, unless it was committed before."""
    if not is_done(writer, step):
        carry_out(writer, step)
    return HttpResponse("done")


urlpatterns = [
    path("steps/<int:writer>/<int:step>", step),
    path("", include("project.urls")),
]
