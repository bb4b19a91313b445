"""Commands, replies and notices between processes. The only place that knows zmq.

A service lists its commands in a `CommandTable` and serves them with a `Server`; programs call them with a
`Client` (or a `ServiceProxy` around it) and receive its notices through a `Subscription`.
"""

from parfocal.core.messages import Hello, Notice, Progress
from parfocal.ipc.call import Call
from parfocal.ipc.claim import Claim
from parfocal.ipc.client import Client
from parfocal.ipc.command_table import CommandTable
from parfocal.ipc.commands import (
    BUILT_IN,
    MAIN,
    RECEIVER,
    URGENT,
    CommandInfo,
    Effect,
    ParameterInfo,
    command,
)
from parfocal.ipc.dispatcher import RELEASED
from parfocal.ipc.endpoints import command_endpoint, notice_endpoint
from parfocal.ipc.lanes import CallContext, LaneExecutor, LaneThread, current_call
from parfocal.ipc.output_lease import OutputLease
from parfocal.ipc.pending_calls import PendingCalls, all_results
from parfocal.ipc.proxy import ServiceProxy
from parfocal.ipc.receiver import ClientStatistics
from parfocal.ipc.results import Declared
from parfocal.ipc.server import Server, ServerStatistics
from parfocal.ipc.subscription import Subscription

__all__ = [
    "BUILT_IN",
    "MAIN",
    "RECEIVER",
    "RELEASED",
    "URGENT",
    "Call",
    "CallContext",
    "Claim",
    "Client",
    "ClientStatistics",
    "CommandInfo",
    "CommandTable",
    "Declared",
    "Effect",
    "Notice",
    "Hello",
    "LaneExecutor",
    "LaneThread",
    "OutputLease",
    "ParameterInfo",
    "PendingCalls",
    "Progress",
    "Server",
    "ServerStatistics",
    "ServiceProxy",
    "Subscription",
    "all_results",
    "command",
    "command_endpoint",
    "current_call",
    "notice_endpoint",
]
