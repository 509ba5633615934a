"""Pages for apps: a web server over the SDK, one look, charts, health.

An app says what it answers and what it does again and again; this package does the rest:

    def build(app: App) -> WebApp:
        board = Board(app.plant)
        return WebApp(package="my_app", answers={"/api/board": board.answer}, work=board.refresh, every_seconds=10)

    serve(build)
"""

from dualspan_appkit.serving import Answer, WebApp, application, serve

__all__ = ["Answer", "WebApp", "application", "serve"]
