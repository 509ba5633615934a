from dualspan.historian.v1 import resources_pb2
from dualspan_sdk import Aggregate


def test_every_aggregate_of_the_contract_has_a_name() -> None:
    stated = {f"AGGREGATE_{aggregate.name}": aggregate.value for aggregate in Aggregate}
    assert stated == {name: number for name, number in resources_pb2.Aggregate.items() if number}
