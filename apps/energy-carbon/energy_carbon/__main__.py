from dualspan_appkit import WebApp, serve
from dualspan_sdk import App
from energy_carbon.accounts import Accounts


def build(app: App) -> WebApp:
    """The accounts of a plant."""
    accounts = Accounts(app.plant, app.settings.configuration)
    return WebApp("energy_carbon", {"/api/accounts": accounts.answer}, accounts.refresh, every_seconds=15)


if __name__ == "__main__":
    serve(build)
