"""Serves moto on 127.0.0.1 with repairs, so that what works against it works on AWS.

Prints one line of JSON, {"url": "http://127.0.0.1:PORT"}, once it answers; the request log goes to stderr.
Ends when its standard input closes, so that it never outlives the process that started it.

Environment:
  MOTO_DUPLICATE_MULTIPART=1   deliver the event of a multipart upload twice, as AWS may ("at least once")

Each repair is one function: what AWS does, where that is written, and why the difference matters here.
"""

import argparse
import contextvars
import functools
import json
import os
import secrets
import sys
import threading
import time
from datetime import datetime
from urllib.parse import quote, quote_plus

# Before moto is imported: its Docker client must never find a daemon (see repair_no_function_runs_inside_moto).
os.environ["DOCKER_HOST"] = "unix:///nonexistent/docker.sock"

from moto.awslambda import models as lambda_models
from moto.core.utils import iso_8601_datetime_with_milliseconds, unix_time, unix_time_millis, utcnow
from moto.ecr import models as ecr_models
from moto.ecr import responses as ecr_responses
from moto.iam.access_control import IAMPolicy
from moto.s3 import models as s3_models
from moto.s3 import notifications as s3_notifications
from moto.s3 import responses as s3_responses
from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.sqs import models as sqs_models
from werkzeug.serving import make_server

HOST = "127.0.0.1"
DUPLICATE_MULTIPART = os.environ.get("MOTO_DUPLICATE_MULTIPART") == "1"


def around(owner, name):
    """Replaces owner.name by the decorated function, which gets the original as its first argument."""

    def decorate(function):
        original = getattr(owner, name)

        @functools.wraps(original)
        def replacement(*args, **kwargs):
            return function(original, *args, **kwargs)

        setattr(owner, name, replacement)
        return replacement

    return decorate


# --- S3 ---------------------------------------------------------------------------------------------------------------


class Sequencer:
    """Hexadecimal numbers that only grow, as long as AWS's."""

    def __init__(self):
        self._lock = threading.Lock()
        self._last = 0

    def next(self):
        with self._lock:
            self._last = max(self._last + 1, time.time_ns())
            return f"{self._last:018X}"


SEQUENCER = Sequencer()


def repair_versions_of_one_key_are_kept_in_order():
    """Parallel writes of one key each make a version, and the sequencers of their events have the order of the versions.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html

    moto appends a version by read and write of a list, so that one of two parallel writes is lost; and it has no sequencer.
    A drop that is overwritten at once is the case that the pipeline must get right.
    """
    lock = threading.RLock()

    @around(s3_models.FakeKey, "__init__")
    def init(original, key, *args, **kwargs):
        original(key, *args, **kwargs)
        key.sequencer = SEQUENCER.next()

    @around(s3_models.S3Backend, "put_object")
    def put_object(original, *args, **kwargs):
        with lock:
            return original(*args, **kwargs)


def repair_event_has_the_whole_schema():
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html

    moto leaves out versionId, sequencer, userIdentity and others, and encodes the slashes of a key. The pipeline builds the
    version that an event names, and orders events by their sequencer.
    """

    def event(event_name, bucket, key, notification_id):
        created = event_name.startswith("s3:ObjectCreated:")
        occurrence = {
            "eventTime": iso_8601_datetime_with_milliseconds(),
            "responseElements": {"x-amz-request-id": request_id(), "x-amz-id-2": host_id()},
        }
        described = {"key": quote_plus(key.name, safe="/")}
        if created:
            described["size"] = key.size
            described["eTag"] = key.etag.strip('"')
            # A duplicate of an event is the first once more.
            described["sequencer"] = key.sequencer
            occurrence = key.__dict__.setdefault("occurrence", occurrence)
        else:
            described["sequencer"] = SEQUENCER.next()
        if key.version_id != "null":
            described["versionId"] = key.version_id
        record = {
            "eventVersion": "2.1" if event_name.startswith(("s3:ObjectCreated:", "s3:ObjectRemoved:")) else "2.3",
            "eventSource": "aws:s3",
            "awsRegion": bucket.region_name,
            "eventName": event_name.removeprefix("s3:"),
            "userIdentity": {"principalId": "AWS:AIDACKCEVSQ6C2EXAMPLE"},
            "requestParameters": {"sourceIPAddress": HOST},
            **occurrence,
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": notification_id,
                "bucket": {
                    "name": bucket.name,
                    "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                    "arn": bucket.arn,
                },
                "object": described,
            },
        }
        return {"Records": [record]}

    s3_notifications._get_s3_event = event


def repair_test_event_has_the_whole_schema():
    """s3:TestEvent is sent when a notification is configured.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html

    moto sends it without RequestId and HostId.
    """

    @around(s3_notifications, "_get_test_event")
    def test_event(original, bucket_name):
        return {**original(bucket_name), "RequestId": request_id(), "HostId": host_id()}


def request_id():
    return secrets.token_hex(8).upper()


def host_id():
    return secrets.token_urlsafe(57)


class StartOfUpload(datetime):
    """When a multipart upload began, which also remembers when it ended."""

    ended: datetime

    def __deepcopy__(self, _memo):
        return self


def repair_one_event_per_multipart_upload_dated_at_its_start():
    """A finished multipart upload is one event, ObjectCreated:CompleteMultipartUpload, and its object's Last-Modified is the
    start of the upload.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html (LastModified)

    moto sends ObjectCreated:Put as well and dates the object at its end. Two builds of every drop would hide whether the
    pipeline survives duplicates, and a wait for "modified after the build began" would seem to work.
    """
    completing = contextvars.ContextVar("completing", default=None)

    @around(s3_models.FakeMultipart, "__init__")
    def init_upload(original, upload, *args, **kwargs):
        original(upload, *args, **kwargs)
        upload.initiated = utcnow()

    @around(s3_models.FakeKey, "__init__")
    def init_key(original, key, *args, **kwargs):
        original(key, *args, **kwargs)
        upload = completing.get()
        # A copy of a multipart object also names that upload, but is made outside of its completion.
        if upload is not None and key.multipart is upload:
            ended, start = key.last_modified, upload.initiated
            key.last_modified = StartOfUpload(
                start.year, start.month, start.day, start.hour, start.minute, start.second, start.microsecond, start.tzinfo
            )
            key.last_modified.ended = ended

    @around(s3_models.S3Backend, "complete_multipart_upload")
    def complete(original, backend, bucket_name, multipart_id, body):
        token = completing.set(backend.get_bucket(bucket_name).multiparts.get(multipart_id))
        try:
            return original(backend, bucket_name, multipart_id, body)
        finally:
            completing.reset(token)

    @around(s3_notifications, "send_event")
    def send_event(original, account_id, event_name, bucket, key):
        event = s3_notifications.S3NotificationEvent
        if completing.get() is not None and event_name == event.OBJECT_CREATED_PUT_EVENT:
            return
        original(account_id, event_name, bucket, key)
        if DUPLICATE_MULTIPART and event_name == event.OBJECT_CREATED_COMPLETE_MULTIPART_UPLOAD_EVENT:
            original(account_id, event_name, bucket, key)

    # Its one use there is to sort the versions of a key, the newest first: by the time at which each was stored.
    s3_models.unix_time_millis = lambda modified: unix_time_millis(getattr(modified, "ended", modified))


def repair_eventbridge_flag_is_read_back():
    """GetBucketNotificationConfiguration returns an empty EventBridgeConfiguration where EventBridge is on.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketNotificationConfiguration.html

    moto accepts the flag and never returns it: each plan would switch it on again.
    """
    end = "</NotificationConfiguration>"

    @around(s3_responses.S3Response, "get_bucket_notification")
    def get_bucket_notification(original, response):
        status, headers, body = original(response)
        configuration = response.backend.get_bucket_notification_configuration(response.bucket_name)
        if configuration is None or configuration.event_bridge is None:
            return status, headers, body
        text = body.decode() if isinstance(body, bytes) else body
        if end not in text:
            text = text.replace("/>", f">{end}")
        return status, headers, text.replace(end, f"<EventBridgeConfiguration/>{end}")


def repair_versions_can_be_deleted_after_versioning():
    """Where versioning is suspended, its versions and delete markers stay, and each can be deleted by its id.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectsfromVersioningSuspendedBuckets.html

    moto takes such a bucket for one that never had versions, and fails with status 500 on a delete marker. Terraform suspends
    versioning before it empties a bucket: the destroy would try for an hour.
    """
    s3_models.FakeDeleteMarker.dispose = lambda _marker, garbage=False: None

    @around(s3_models.S3Backend, "delete_object")
    def delete_object(original, backend, bucket_name, key_name, version_id=None, bypass=False):
        bucket = backend.get_bucket(bucket_name)
        left = [version for version in bucket.keys.getlist(key_name, []) if version.version_id != version_id]
        if version_id is None or bucket.is_versioned or not left:
            return original(backend, bucket_name, key_name, version_id, bypass)
        bucket.keys.setlist(key_name, left)
        return True, {"version-id": version_id}


def repair_conditional_statements_deny_nothing():
    """A bucket policy's Deny holds where its Condition holds: "no plain HTTP" denies nothing to clients that use TLS.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html

    moto ignores the condition and denies every object call of a bucket whose policy asks for TLS. It cannot evaluate
    conditions, and its own plain HTTP stands for AWS's TLS; so conditional statements are left out. Denials without a
    condition still hold.
    """

    @around(s3_models.FakeBucket, "get_permission")
    def get_permission(original, bucket, action, resource):
        if bucket.policy is None:
            return original(bucket, action, resource)
        statements = json.loads(bucket.policy)["Statement"]
        if isinstance(statements, dict):
            statements = [statements]
        unconditional = {"Statement": [statement for statement in statements if "Condition" not in statement]}
        return IAMPolicy(json.dumps(unconditional)).is_action_permitted(action, resource)


# --- ECR --------------------------------------------------------------------------------------------------------------


def repair_registries_in_china_have_their_own_suffix():
    """In the China regions the hosts of registries end in amazonaws.com.cn.
    https://docs.amazonaws.cn/en_us/aws/latest/userguide/endpoints-Beijing.html

    moto knows one suffix: the URL that the stack puts out would name another host than the one that the build pushes to.
    """
    suffix = ".amazonaws.com"

    @around(ecr_models.Repository, "__init__")
    def init(original, repository, account_id, region_name, *args, **kwargs):
        original(repository, account_id, region_name, *args, **kwargs)
        if region_name.startswith("cn-"):
            repository.uri = repository.uri.replace(f"{suffix}/", f"{suffix}.cn/", 1)

    @around(ecr_responses.ECRResponse, "get_authorization_token")
    def get_authorization_token(original, response):
        answer = original(response)
        if response.region.startswith("cn-"):
            for data in answer.result["authorizationData"]:
                data["proxyEndpoint"] += ".cn"
        return answer


# --- SQS --------------------------------------------------------------------------------------------------------------


def repair_redrive_policies_are_read_back_as_set():
    """RedrivePolicy comes back as compact JSON, and RedriveAllowPolicy comes back.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html

    moto writes the first with spaces (a permanent difference in the plan) and never returns the second (the apply waits
    three minutes for it and fails).
    """
    sqs_models.Queue.redrive_allow_policy = None
    sqs_models.Queue.BASE_ATTRIBUTES.append("RedriveAllowPolicy")
    attributes = sqs_models.Queue.attributes

    def compact(queue):
        result = attributes.fget(queue)
        for name in ("RedrivePolicy", "RedriveAllowPolicy"):
            policy = result.get(name)
            if policy:
                result[name] = json.dumps(json.loads(policy), separators=(",", ":"))
            else:
                result.pop(name, None)
        return result

    sqs_models.Queue.attributes = property(compact)


def repair_setting_one_attribute_keeps_the_queue_policy():
    """SetQueueAttributes changes the attributes that it names.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html

    moto drops the queue's policy when any other attribute is set, so that the second apply would lose the statement that
    lets S3 send.
    """

    @around(sqs_models.Queue, "_set_attributes")
    def set_attributes(original, queue, attributes, now=None):
        if "Policy" not in attributes and hasattr(queue, "_policy_json"):
            attributes = {**attributes, "Policy": queue.policy}
        original(queue, attributes, now)


def repair_a_message_goes_to_one_receiver():
    """A received message is hidden from every other receiver until its visibility timeout.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html

    moto looks and marks without a lock: two pollers may get one message. The wait for messages stays outside the lock.
    """
    lock = threading.Lock()

    @around(sqs_models.SQSBackend, "receive_message")
    def receive(original, backend, queue_name, count, wait_seconds_timeout, visibility_timeout, message_attribute_names=None):
        end = unix_time() + wait_seconds_timeout
        while True:
            with lock:
                messages = original(backend, queue_name, count, 0, visibility_timeout, message_attribute_names)
            left = end - unix_time()
            if messages or left <= 0:
                return messages
            backend.get_queue(queue_name).wait_for_messages(min(left, 1))


def repair_no_function_runs_inside_moto():
    """local/ runs the functions: it reads the applied event source mappings and zips back through the API.

    moto would try each message through Docker as it arrives and then make it visible again: one receive too many, and the
    message in the dead-letter queue too early. With a daemon it would run a second function beside ours.
    """
    # What moto adds to a queue's mappings is dropped; ListEventSourceMappings does not read it.
    sqs_models.Queue.lambda_event_source_mappings = property(lambda _queue: {}, lambda _queue, _mappings: None)
    s3_notifications._invoke_awslambda = lambda *_arguments: None


# --- Lambda -----------------------------------------------------------------------------------------------------------


def repair_function_settings_are_read_back():
    """GetFunction returns every setting of CreateFunction and UpdateFunctionConfiguration.
    https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html

    moto drops DeadLetterConfig, LoggingConfig and FileSystemConfigs, drops most changes, and takes a reserved concurrency of
    0 (a function that is switched off) for none.
    """
    kept = ("DeadLetterConfig", "LoggingConfig", "FileSystemConfigs")
    attribute_of = {"TracingConfig": "tracing_config", "KMSKeyArn": "kms_key_arn"}

    @around(lambda_models.LambdaFunction, "__init__")
    def init(original, function, account_id, spec, *args, **kwargs):
        function.kept_settings = {name: spec[name] for name in kept if name in spec}
        original(function, account_id, spec, *args, **kwargs)

    @around(lambda_models.LambdaFunction, "get_configuration")
    def get_configuration(original, function, *args, **kwargs):
        settings = {name: value for name, value in function.kept_settings.items() if value}
        logging = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{function.function_name}", **settings.get("LoggingConfig", {})}
        if logging["LogFormat"] == "JSON":
            logging = {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO", **logging}
        return {**original(function, *args, **kwargs), **settings, "LoggingConfig": logging}

    @around(lambda_models.LambdaFunction, "update_configuration")
    def update_configuration(original, function, updates):
        for name, value in updates.items():
            if name in kept:
                function.kept_settings[name] = value
            elif name in attribute_of:
                setattr(function, attribute_of[name], value)
            elif name == "EphemeralStorage":
                function.ephemeral_storage = value["Size"]
        updates = {**updates}
        if "Environment" in updates:
            updates["Environment"] = {"Variables": updates["Environment"].get("Variables", {})}
        function.last_modified = lambda_models.iso_8601_datetime_with_nanoseconds()
        return original(function, updates)

    @around(lambda_models.LambdaFunction, "get_code")
    def get_code(original, function):
        described = original(function)
        if function.reserved_concurrency is not None:
            described["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved_concurrency}
        return described


CODE_PATH = "/lambda-code/"


def repair_function_code_can_be_downloaded(url):
    """GetFunction's Code.Location is a URL that serves the zip for ten minutes.
    https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html

    moto's location leads nowhere, so that nothing could run exactly the applied code. Ours is served by FunctionCode.
    """

    @around(lambda_models.LambdaFunction, "get_code")
    def get_code(original, function):
        described = original(function)
        if function.package_type == "Zip":
            name = "/".join(quote(part, safe="") for part in (function.account_id, function.region, function.function_name))
            version = quote(str(function.version), safe="")
            described["Code"] = {"RepositoryType": "S3", "Location": f"{url}{CODE_PATH}{name}/{version}"}
        return described


class FunctionCode:
    """WSGI: the zips of functions below CODE_PATH, everything else to moto."""

    def __init__(self, application):
        self._application = application

    def __call__(self, environ, start_response):
        path = environ.get("PATH_INFO", "")
        if not path.startswith(CODE_PATH):
            return self._application(environ, start_response)
        account_id, region, name, version = path.removeprefix(CODE_PATH).split("/")
        try:
            function = lambda_models.lambda_backends[account_id][region].get_function(name, version)
        except Exception:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"no such function"]
        start_response("200 OK", [("Content-Type", "application/zip"), ("Content-Length", str(len(function.code_bytes)))])
        return [function.code_bytes]


def repair_mapping_of_a_queue_with_short_visibility_is_refused():
    """CreateEventSourceMapping refuses a queue whose visibility timeout is below the function's timeout.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html

    moto accepts it: the stack would apply here and fail on AWS.
    """

    @around(lambda_models.LambdaBackend, "create_event_source_mapping")
    def create(original, backend, spec):
        queue_arn = spec.get("EventSourceArn") or ""
        queues = sqs_models.sqs_backends[backend.account_id][backend.region_name].queues.values()
        queue = next((queue for queue in queues if queue.queue_arn == queue_arn), None)
        if queue is not None and spec.get("FunctionName"):
            function = backend.get_function(spec["FunctionName"])
            if queue.visibility_timeout < int(function.timeout):
                raise lambda_models.InvalidParameterValueException(
                    f"Queue visibility timeout: {queue.visibility_timeout} seconds is less than "
                    f"Function timeout: {function.timeout} seconds"
                )
        return original(backend, spec)


# --- server -----------------------------------------------------------------------------------------------------------


def repair(url):
    repair_versions_of_one_key_are_kept_in_order()
    repair_event_has_the_whole_schema()
    repair_test_event_has_the_whole_schema()
    repair_one_event_per_multipart_upload_dated_at_its_start()
    repair_eventbridge_flag_is_read_back()
    repair_versions_can_be_deleted_after_versioning()
    repair_conditional_statements_deny_nothing()
    repair_registries_in_china_have_their_own_suffix()
    repair_redrive_policies_are_read_back_as_set()
    repair_setting_one_attribute_keeps_the_queue_policy()
    repair_a_message_goes_to_one_receiver()
    repair_no_function_runs_inside_moto()
    repair_function_settings_are_read_back()
    repair_function_code_can_be_downloaded(url)
    repair_mapping_of_a_queue_with_short_visibility_is_refused()


def end_with_standard_input():
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    arguments = parser.parse_args()

    application = FunctionCode(DomainDispatcherApplication(create_backend_app))
    server = make_server(HOST, arguments.port, application, threaded=True, request_handler=MotoRequestHandler)
    # moto calls itself at this port.
    os.environ["MOTO_PORT"] = str(server.server_port)
    url = f"http://{HOST}:{server.server_port}"
    repair(url)

    threading.Thread(target=end_with_standard_input, daemon=True).start()
    print(json.dumps({"url": url}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
