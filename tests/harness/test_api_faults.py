"""A server that misbehaves: what is tried again, what is waited for, what is recorded, and that no key gets out."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest
import yaml

from harness.engine.http_exchange import Address, Exchange
from harness.engine.models import load_model, parse_model
from harness.engine.retries import Patience, Refusal, Server
from harness.errors import BackendError, RunIncompleteError
from harness.export import scores_csv
from harness.loader import load_tasks
from harness.runner import RunPlan, run
from harness.store import RunFolder
from harness.types import Failed, Generate, GenerateResponse
from tests.api_server import FAULTS, ApiServer, Letters, seeded, serving
from tests.cli.test_command_line import glotbench
