"""The measures, by the name that `make bench ONLY=` takes."""

from collections.abc import Mapping

from dualspan_bench.measures.alarm_rules import alarm_rules
from dualspan_bench.measures.backup_restore import backup_restore
from dualspan_bench.measures.browse_100k import browse_100k
from dualspan_bench.measures.capacity_costs import capacity_costs
from dualspan_bench.measures.change_to_subscriber import change_to_subscriber
from dualspan_bench.measures.console_chart import console_chart
from dualspan_bench.measures.console_first_page import console_first_page
from dualspan_bench.measures.console_watchers import console_watchers
from dualspan_bench.measures.gateway_memory import gateway_memory
from dualspan_bench.measures.historian_replicas import historian_replicas
from dualspan_bench.measures.oee import oee
from dualspan_bench.measures.opcua_decode import opcua_decode
from dualspan_bench.measures.opcua_to_committed import opcua_to_committed
from dualspan_bench.measures.read_processed_24h import read_processed_24h
from dualspan_bench.measures.stored_bytes import stored_bytes
from dualspan_bench.measures.subscribe_10k import subscribe_10k
from dualspan_bench.measures.subscriptions import subscriptions
from dualspan_bench.measures.training_beside_ingest import training_beside_ingest
from dualspan_bench.model import Measure

MEASURES: Mapping[str, Measure] = {
    "opcua_decode": opcua_decode,
    "opcua_to_committed": opcua_to_committed,
    "stored_bytes": stored_bytes,
    "read_processed_24h": read_processed_24h,
    "gateway_memory": gateway_memory,
    "change_to_subscriber": change_to_subscriber,
    "browse_100k": browse_100k,
    "subscribe_10k": subscribe_10k,
    "oee": oee,
    "alarm_rules": alarm_rules,
    "subscriptions": subscriptions,
    "historian_replicas": historian_replicas,
    "capacity_costs": capacity_costs,
    "training_beside_ingest": training_beside_ingest,
    "console_first_page": console_first_page,
    "console_chart": console_chart,
    "console_watchers": console_watchers,
    "backup_restore": backup_restore,
}
