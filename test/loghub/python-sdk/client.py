"""Carries out what it is told with the official client: one JSON object a line in, one a line out.

In: {"call": "put_logs", ...}. Out: {"ok": ...} or {"error": code, "status": http}. The first line holds the settings.
"""
import json
import sys

from aliyun.log import LogClient, LogException, LogItem, PutLogsRequest
from aliyun.log.util import Util

# The client takes an endpoint for an address of its own only when that is four numbers without a port.
Util.is_row_ip = staticmethod(lambda endpoint: True)

settings = json.loads(sys.stdin.readline())
project, logstore = settings["project"], settings["logstore"]
client = LogClient(
    settings["endpoint"],
    settings["id"],
    settings["secret"],
    securityToken=settings.get("token"),
    source="10.1.2.3",
    auth_version=settings["auth"],
    region=settings["region"],
)


def put_logs(topic, logs, key=None, compress=True):
    items = [LogItem(timestamp=log["time"], contents=[tuple(pair) for pair in log["contents"]]) for log in logs]
    request = PutLogsRequest(project, logstore, topic, "10.1.2.3", items, key, compress, [("__hostname__", "py")])
    client.put_logs(request)


def pull(shard, cursor, count=1000, encoding=None, compress=True, query=None, processor=None):
    reply = client.pull_logs(
        project, logstore, shard, cursor, count, compress=compress, accept_compress_type=encoding, query=query,
        processor=processor,
    )
    groups = reply.get_loggroup_list() if reply.get_loggroup_count() else None
    return {
        "next": reply.get_next_cursor(),
        "count": reply.get_loggroup_count(),
        "rawCount": reply.raw_log_group_count_before_query,
        "logs": [
            {"time": log.Time, "topic": group.Topic, "tags": [[tag.Key, tag.Value] for tag in group.LogTags],
             "contents": [[content.Key, content.Value] for content in log.Contents]}
            for group in (groups.LogGroups if groups else [])
            for log in group.Logs
        ],
    }


def shards_of(reply):
    return [[shard["shardID"], shard["status"]] for shard in reply.get_shards_info()]


calls = {
    "put_logs": put_logs,
    "pull": pull,
    "cursor": lambda shard, at: client.get_cursor(project, logstore, shard, at).get_cursor(),
    "cursor_time": lambda shard, cursor: client.get_cursor_time(project, logstore, shard, cursor).get_cursor_time(),
    "previous_cursor_time": lambda shard, cursor: client.get_previous_cursor_time(
        project, logstore, shard, cursor
    ).get_cursor_time(),
    "shards": lambda: shards_of(client.list_shards(project, logstore)),
    "split": lambda shard, key: shards_of(client.split_shard(project, logstore, shard, key)),
    "merge": lambda shard: shards_of(client.merge_shard(project, logstore, shard)),
    "create_group": lambda group, timeout, in_order: client.create_consumer_group(
        project, logstore, group, timeout, in_order
    )
    and None,
    "update_group": lambda group, timeout, in_order: client.update_consumer_group(
        project, logstore, group, timeout, in_order
    )
    and None,
    "delete_group": lambda group: client.delete_consumer_group(project, logstore, group) and None,
    "groups": lambda: [
        [group.get_consumer_group_name(), group.get_timeout(), group.is_in_order()]
        for group in client.list_consumer_group(project, logstore).get_consumer_groups()
    ],
    "beat": lambda group, consumer, shards: client.heart_beat(
        project, logstore, group, consumer, shards
    ).get_shards(),
    "save": lambda group, shard, cursor, consumer, force: client.update_check_point(
        project, logstore, group, shard, cursor, consumer, force
    )
    and None,
    "checkpoints": lambda group: client.get_check_point(project, logstore, group).get_consumer_group_check_points(),
}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"ok": calls[request.pop("call")](**request)}
    except LogException as error:
        answer = {"error": error.get_error_code(), "status": error.resp_status, "message": error.get_error_message()}
    print(json.dumps(answer), flush=True)
