"""The official consumer library as a process: prints what each batch held, ends in order when its input ends."""
import json
import logging
import sys
import threading
import time

from aliyun.log.consumer import ConsumerProcessorBase, ConsumerWorker, CursorPosition, LogHubConfig
from aliyun.log.util import Util

Util.is_row_ip = staticmethod(lambda endpoint: True)
logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
settings = json.loads(sys.stdin.readline())
printing = threading.Lock()


def say(**what):
    with printing:
        print(json.dumps(what), flush=True)


class Processor(ConsumerProcessorBase):
    def initialize(self, shard):
        super().initialize(shard)
        say(begun=shard, at=time.time() * 1000)

    def process(self, log_groups, check_point_tracker):
        ids = [
            content.Value
            for group in log_groups.LogGroups
            for log in group.Logs
            for content in log.Contents
            if content.Key == "id"
        ]
        say(shard=self.shard_id, ids=ids, at=time.time() * 1000)
        check_point_tracker.save_check_point(True)

    def shutdown(self, check_point_tracker):
        super().shutdown(check_point_tracker)
        say(ended=self.shard_id, at=time.time() * 1000)


worker = ConsumerWorker(
    Processor,
    LogHubConfig(
        settings["endpoint"],
        settings["id"],
        settings["secret"],
        settings["project"],
        settings["logstore"],
        settings["group"],
        settings["consumer"],
        cursor_position=CursorPosition.BEGIN_CURSOR,
        heartbeat_interval=settings["heartbeat"],
        data_fetch_interval=0.2,
        in_order=settings["in_order"],
        auth_version=settings["auth"],
        region=settings["region"],
    ),
)
worker.daemon = True
worker.start()
sys.stdin.read()
worker.shutdown()
worker.join(30)
