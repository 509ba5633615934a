from dualspan_appkit import WebApp, serve
from dualspan_sdk import App
from oee_board.board import Board


def build(app: App) -> WebApp:
    """The board over a plant."""
    board = Board(app.plant, app.settings.configuration, app.results)
    return WebApp("oee_board", {"/api/board": board.answer}, board.refresh)


if __name__ == "__main__":
    serve(build)
