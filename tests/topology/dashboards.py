"""The queries of Grafana's dashboards in docker/, as Grafana would send them."""

import json
import pathlib
import re

FOLDER = pathlib.Path(__file__).parents[2] / "docker" / "grafana" / "dashboards"
# What Grafana puts in for its own variables, at a scrape interval of a second.
BUILT_IN = {"__rate_interval": "30s", "__interval": "5s", "__range": "300s"}


def files():
    return sorted(FOLDER.glob("*.json"))


def panels(dashboard):
    """All of them, those in rows too."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def filled(expression, variables):
    """With every variable replaced; one of the dashboard's own stands for all its values."""
    def value(match):
        name = match.group(1) or match.group(2)
        if name not in BUILT_IN and name not in variables:
            raise AssertionError(f"{expression}: nobody knows ${name}")
        return BUILT_IN.get(name, ".*")
    return re.sub(r"\$(?:(\w+)|\{(\w+)(?::\w+)?\})", value, expression)


def queries(dashboard):
    """(title of the panel, PromQL) for every panel, and for the values of every variable."""
    variables = dashboard.get("templating", {}).get("list", [])
    names = {variable["name"] for variable in variables}
    for variable in variables:
        if variable["type"] != "query":
            continue
        query = variable["query"]["query"] if isinstance(variable["query"], dict) else variable["query"]
        values_of = re.fullmatch(r"label_values\((?:(.+), *)?(\w+)\)", query)
        if not values_of:
            raise AssertionError(f"variable {variable['name']}: nobody knows {query}")
        metric, label = values_of.groups()
        yield f"variable {variable['name']}", filled(f'count by ({label}) ({metric or "up"})', names)
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            yield panel["title"], filled(target["expr"], names)


def load():
    """(file, title, PromQL) of all dashboards."""
    return [(path.name, title, query) for path in files() for title, query in queries(json.loads(path.read_text()))]
