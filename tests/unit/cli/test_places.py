"""Where the demonstration's machines stand: a tree by ISA-95 that has room for every machine of the plants, once."""

from collections import Counter

import pytest

from dualspan_cli.demo.places import PLACES, SITES
from dualspan_cli.demo.plants import PLANTS, build_plants

STANDING = {"appliance-works": 10, "tyre-works": 14, "brewery": 12}


def test_every_plant_has_a_site_of_its_own() -> None:
    assert list(PLACES) == list(PLANTS)
    assert len(set(SITES.values())) == len(PLANTS)
    names = Counter(place.asset_id for places in PLACES.values() for place in places)
    assert set(names.values()) == {1}


@pytest.mark.parametrize("plant", PLANTS)
def test_each_place_is_part_of_a_higher_one(plant: str) -> None:
    site, *below = PLACES[plant]
    assert not site.parent
    known = {site.asset_id: site}
    for place in below:
        assert known[place.parent].level < place.level
        known[place.asset_id] = place


@pytest.mark.parametrize("plant", PLANTS)
def test_every_machine_stands_in_one_place(plant: str) -> None:
    machines = {path.partition("/")[0] for path in build_plants()[plant].variables}
    assert len(machines) == STANDING[PLACES[plant][0].asset_id]
    for machine in machines:
        assert sum(place.has(machine) for place in PLACES[plant]) == 1, machine
