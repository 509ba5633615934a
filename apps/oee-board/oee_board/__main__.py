from dualspan_appkit import WebApp, serve
from dualspan_sdk import AppSettings, Plant
from oee_board.board import Board


def build(plant: Plant, settings: AppSettings) -> WebApp:
    """The board over a plant."""
    board = Board(plant, settings.configuration)
    return WebApp("oee_board", {"/api/board": board.answer}, board.refresh)


if __name__ == "__main__":
    serve(build)
