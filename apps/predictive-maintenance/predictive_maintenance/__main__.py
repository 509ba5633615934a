from dualspan_appkit import WebApp, serve
from dualspan_sdk import App
from predictive_maintenance.watch import Watch


def build(app: App) -> WebApp:
    """The watch over a plant."""
    watch = Watch(app.plant, app.results, app.settings.configuration)
    answers = {"/api/overview": watch.overview, "/api/chart": watch.chart}
    return WebApp("predictive_maintenance", answers, watch.refresh, every_seconds=1)


if __name__ == "__main__":
    serve(build)
