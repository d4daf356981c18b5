"""A way on foot along pipes: every pipe is walked, dead ends there and back."""

from collections.abc import Sequence

Point = tuple[float, float]


def walking_route(lines: Sequence[Sequence[Point]]) -> list[Point]:
    """The vertices (degrees) of a walk over all lines; parts that hang together nowhere are joined straight."""
    import networkx as nx  # noqa: PLC0415 - wanted by the play alone, not by each start

    graph = nx.Graph()
    for line in lines:
        nx.add_path(graph, [(round(lon, 7), round(lat, 7)) for lon, lat in line])
    route: list[Point] = []
    for part in nx.connected_components(graph):
        # From a dead end, so that a street without branches is walked once.
        start = min(part, key=lambda point: (graph.degree(point), point))
        walked: set[frozenset[Point]] = set()
        end = 0
        for a, b, kind in nx.dfs_labeled_edges(graph, start):
            if kind == "reverse":
                route.append(a)
            elif frozenset((a, b)) not in walked:
                # An edge to where one has been already is walked there and back.
                route += [b] if kind == "forward" else [b, a]
                end = len(route) if kind == "forward" else len(route) - 1
            walked.add(frozenset((a, b)))
        # Nobody walks back when nothing is left to see.
        del route[end:]
    return [point for n, point in enumerate(route) if n == 0 or point != route[n - 1]]
