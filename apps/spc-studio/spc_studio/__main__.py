from dualspan_appkit import WebApp, serve
from dualspan_sdk import App
from spc_studio.studio import Studio


def build(app: App) -> WebApp:
    """The studio over a plant."""
    studio = Studio(app.plant, app.settings.configuration)
    answers = {"/api/overview": studio.overview, "/api/chart": studio.chart}
    return WebApp("spc_studio", answers, studio.refresh, every_seconds=2)


if __name__ == "__main__":
    serve(build)
