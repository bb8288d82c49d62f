"""Serves moto on 127.0.0.1 with repairs, so that what works against it works on AWS.

Prints one line of JSON, {"url": "http://127.0.0.1:PORT"}, once it answers; the request log goes to stderr.
Ends when its standard input closes, so that it never outlives the process that started it.

moto itself delivers nothing, since it would look at no policy. What happens is told, one line of JSON each on standard
output, in the order in which it happened (facts.ts describes the lines):
  {"fact": "object" | "call" | "publish", ...}
  {"ask": N, "question": "notification-destinations", ...}   answered by one line on standard input: {"answer": N, "refused": [...]}

Each repair is one function: what AWS does, where that is written, and why the difference matters here.
"""

import argparse
import contextlib
import contextvars
import functools
import itertools
import json
import os
import queue
import re
import secrets
import sys
import threading
import time
import uuid
from datetime import datetime
from urllib.parse import quote, quote_plus

# Before moto is imported: its Docker client must never find a daemon (see repair_no_function_runs_inside_moto).
os.environ["DOCKER_HOST"] = "unix:///nonexistent/docker.sock"

from moto.awslambda import models as lambda_models
from moto.cloudtrail import models as cloudtrail_models
from moto.cloudtrail import responses as cloudtrail_responses
from moto.core import responses as core_responses
from moto.core.utils import (
    iso_8601_datetime_with_milliseconds,
    iso_8601_datetime_without_milliseconds_s3,
    unix_time,
    unix_time_millis,
    utcnow,
)
from moto.ecr import models as ecr_models
from moto.ecr import responses as ecr_responses
from moto.iam.access_control import IAMPolicy
from moto.s3 import exceptions as s3_exceptions
from moto.s3 import models as s3_models
from moto.s3 import notifications as s3_notifications
from moto.s3 import responses as s3_responses
from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.sns import models as sns_models
from moto.sns.exceptions import SNSInvalidParameter
from moto.sqs import models as sqs_models
from werkzeug.serving import make_server

HOST = "127.0.0.1"


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


class Starter:
    """The process that started this one: is told facts, and asked."""

    def __init__(self):
        self._printing = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting = {}

    def tell(self, line):
        with self._printing:
            print(json.dumps(line), flush=True)

    def ask(self, question):
        """Waits for the answer."""
        number = next(self._numbers)
        answer = self._waiting[number] = queue.SimpleQueue()
        self.tell({"ask": number, **question})
        return answer.get()

    def listen(self):
        """Takes answers until standard input closes."""
        for line in sys.stdin:
            answer = json.loads(line)
            self._waiting.pop(answer["answer"]).put(answer)


STARTER = Starter()


# --- Accounts ---------------------------------------------------------------------------------------------------------


def repair_an_access_key_may_be_an_account():
    """Who signs with an account's number as access key is an administrator of that account.

    moto has no other credentials of a second account than those of a role that was assumed in it, which nobody is here to
    hand out.
    """

    @around(core_responses.BaseResponse, "get_current_account")
    def get_current_account(original, response):
        match = re.search("Credential=([0-9]{12})/", response.headers.get("Authorization", ""))
        return match[1] if match else original(response)


def repair_expected_bucket_owners_are_compared():
    """A call that names another account than the bucket's as its owner is refused.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html

    moto looks at no expected owner, and local/iam could not tell whose a bucket is: the ARN of one names no account.
    """

    @around(s3_responses.S3Response, "bucket_response")
    def bucket_response(original, response, request, full_url, headers):
        expected = request.headers.get("x-amz-expected-bucket-owner")
        # Buckets stand in the path here.
        name = request.path.split("/")[1]
        _partition, owner = s3_models.s3_backends.bucket_accounts.get(name, (None, expected))
        if expected is not None and expected != owner:
            return 403, {}, b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        return original(response, request, full_url, headers)


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
    A drop that is overwritten at once is the case that the pipeline must get right. The lock covers what is told of the write,
    so that facts have that order too.
    """
    lock = threading.RLock()

    @around(s3_models.FakeKey, "__init__")
    def init(original, key, *args, **kwargs):
        original(key, *args, **kwargs)
        key.sequencer = SEQUENCER.next()

    for name in ("put_object", "copy_object", "complete_multipart_upload", "delete_object"):

        @around(s3_models.S3Backend, name)
        def one_at_a_time(original, *args, **kwargs):
            with lock:
                return original(*args, **kwargs)


class Call:
    """A request to S3: what it did, for its own record and for the events that it causes."""

    def __init__(self):
        self.request_id = secrets.token_hex(8).upper()
        self.time = None
        self.upload_id = None


CALL = contextvars.ContextVar("call", default=Call())


@contextlib.contextmanager
def new_call():
    token = CALL.set(Call())
    try:
        yield
    finally:
        CALL.reset(token)


def repair_events_are_told_and_not_delivered():
    """What S3 reports of an object, told as a fact with the whole record of a notification but for its configurationId.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html

    moto delivers at once, whatever the destination's policy says. Its events lack versionId, sequencer, userIdentity and
    others, encode the slashes of a key, and miss most deletions. Events of tags and ACLs are left out: moto sends one with
    each upload.
    """
    event = s3_notifications.S3NotificationEvent
    told = (
        event.OBJECT_CREATED_PUT_EVENT,
        event.OBJECT_CREATED_POST_EVENT,
        event.OBJECT_CREATED_COPY_EVENT,
        event.OBJECT_CREATED_COMPLETE_MULTIPART_UPLOAD_EVENT,
        event.OBJECT_RESTORE_POST_EVENT,
        event.OBJECT_RESTORE_COMPLETED_EVENT,
    )

    def send_event(_account_id, name, bucket, key):
        # A finished multipart upload is one event, and not a Put as well.
        if name not in told or (name == event.OBJECT_CREATED_PUT_EVENT and COMPLETING.get() is not None):
            return
        state = {"size": key.size, "eTag": key.etag.strip('"')}
        if name.startswith("s3:ObjectCreated:"):
            tell_object(name, bucket, key, stored_at(key), state, key.sequencer)
        else:
            tell_object(name, bucket, key, utcnow(), state)

    s3_notifications.send_event = send_event

    @around(s3_models.S3Backend, "delete_object")
    def delete_object(original, backend, bucket_name, key_name, *args, **kwargs):
        bucket = backend.get_bucket(bucket_name)
        before = {id(version): version for version in bucket.keys.getlist(key_name, [])}
        answer = original(backend, bucket_name, key_name, *args, **kwargs)
        after = {id(version): version for version in bucket.keys.getlist(key_name, [])}
        for identity in after.keys() - before.keys():
            # A delete marker has the ETag of nothing.
            state = {"eTag": "d41d8cd98f00b204e9800998ecf8427e"}
            name = event.OBJECT_REMOVED_DELETE_MARKER_CREATED_EVENT
            tell_object(name, bucket, after[identity], utcnow(), state, SEQUENCER.next())
        for identity in before.keys() - after.keys():
            tell_object(event.OBJECT_REMOVED_DELETE_EVENT, bucket, before[identity], utcnow(), {}, SEQUENCER.next())
        return answer


def tell_object(event_name, bucket, key, moment, state, sequencer=None):
    """Restores have no sequencer."""
    call = CALL.get()
    call.time = moment
    name = event_name.removeprefix("s3:")
    described = {"key": quote_plus(key.name, safe="/"), **state}
    if key.version_id != "null":
        described["versionId"] = key.version_id
    if sequencer is not None:
        described["sequencer"] = sequencer
    record = {
        "eventVersion": "2.1" if name.startswith(("ObjectCreated:", "ObjectRemoved:")) else "2.3",
        "eventSource": "aws:s3",
        "awsRegion": bucket.region_name,
        "eventTime": iso_8601_datetime_with_milliseconds(moment),
        "eventName": name,
        "userIdentity": {"principalId": "AWS:AIDACKCEVSQ6C2EXAMPLE"},
        "requestParameters": {"sourceIPAddress": HOST},
        "responseElements": {"x-amz-request-id": call.request_id, "x-amz-id-2": secrets.token_urlsafe(57)},
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {
                "name": bucket.name,
                "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                "arn": bucket.arn,
            },
            "object": described,
        },
    }
    if name == "ObjectRestore:Completed":
        restored = {
            "lifecycleRestorationExpiryTime": iso_8601_datetime_with_milliseconds(key._expiry),
            "lifecycleRestoreStorageClass": key.storage_class,
        }
        record["glacierEventData"] = {"restoreEventData": restored}
    STARTER.tell(
        {
            "fact": "object",
            "account": bucket.account_id,
            "region": bucket.region_name,
            "bucket": bucket.name,
            "eventName": name,
            "time": record["eventTime"],
            "requestId": call.request_id,
            "key": key.name,
            **{field: described[field] for field in ("versionId", "sequencer") if field in described},
            **({"size": state["size"]} if "size" in state else {}),
            **({"etag": state["eTag"]} if "eTag" in state else {}),
            "record": record,
        }
    )


def stored_at(key):
    return getattr(key.last_modified, "ended", key.last_modified)


class StartOfUpload(datetime):
    """When a multipart upload began, which also remembers when it ended."""

    ended: datetime

    def __deepcopy__(self, _memo):
        return self


# The multipart upload that is being completed.
COMPLETING = contextvars.ContextVar("completing", default=None)


def repair_multipart_uploads_are_dated_at_their_start():
    """An unfinished upload is listed with the time at which it was initiated, and that is the Last-Modified of its object.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html (Initiated)
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html (LastModified)

    moto initiates each upload in 2010 and dates the object at its end: a wait for "modified after the build began" would seem
    to work, and the right one would not.
    """

    @around(s3_models.FakeMultipart, "__init__")
    def init_upload(original, upload, *args, **kwargs):
        original(upload, *args, **kwargs)
        upload.initiated = CALL.get().time = utcnow()
        CALL.get().upload_id = upload.id

    @around(s3_models.FakeKey, "__init__")
    def init_key(original, key, *args, **kwargs):
        original(key, *args, **kwargs)
        upload = COMPLETING.get()
        # A copy of a multipart object also names that upload, but is made outside of its completion.
        if upload is not None and key.multipart is upload:
            ended, start = key.last_modified, upload.initiated
            key.last_modified = StartOfUpload(
                start.year, start.month, start.day, start.hour, start.minute, start.second, start.microsecond, start.tzinfo
            )
            key.last_modified.ended = ended

    @around(s3_models.S3Backend, "complete_multipart_upload")
    def complete(original, backend, bucket_name, multipart_id, body):
        token = COMPLETING.set(backend.get_bucket(bucket_name).multiparts.get(multipart_id))
        try:
            return original(backend, bucket_name, multipart_id, body)
        finally:
            COMPLETING.reset(token)

    @around(s3_responses.S3Response, "list_multipart_uploads")
    def list_multipart_uploads(original, response):
        status, headers, body = original(response)
        uploads = response.backend.list_multipart_uploads(response.bucket_name)

        def dated(match):
            upload = uploads[re.search("<UploadId>(.*?)</UploadId>", match[0])[1]]
            initiated = iso_8601_datetime_without_milliseconds_s3(upload.initiated)
            return re.sub("(?<=<Initiated>).*?(?=</Initiated>)", initiated, match[0])

        return status, headers, re.sub("<Upload>.*?</Upload>", dated, body, flags=re.DOTALL)

    # Its one use there is to sort the versions of a key, the newest first: by the time at which each was stored.
    s3_models.unix_time_millis = lambda modified: unix_time_millis(getattr(modified, "ended", modified))


def repair_an_upload_that_is_gone_is_told_so():
    """A part of an upload that was aborted or completed, and its completion, fail with NoSuchUpload.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html

    moto fails with status 500, which clients try again.
    """

    def missing(_uploads, upload_id):
        raise s3_exceptions.NoSuchUpload(upload_id=upload_id)

    s3_models.MultipartDict.__missing__ = missing


def repair_calls_are_told():
    """Each call that writes an object or an upload, told as a fact at its end: what CloudTrail records. Its time is that of
    what it did: the upload's Initiated, or the moment at which the object was stored.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html

    moto has no CloudTrail data events, and the request id of its answers is in no event.
    """

    def identified(answer):
        answer[1].pop("x-amzn-requestid", None)
        answer[1]["x-amz-request-id"] = CALL.get().request_id
        return answer

    @around(s3_responses.S3Response, "bucket_response")
    def bucket_response(original, response, request, full_url, headers):
        with new_call():
            return identified(original(response, request, full_url, headers))

    @around(s3_responses.S3Response, "key_response")
    def key_response(original, response, request, full_url, headers):
        with new_call():
            try:
                answer = identified(original(response, request, full_url, headers))
            except Exception:
                tell_call(response, request, full_url, (500, {}, b"<Code>InternalError</Code>"))
                raise
            tell_call(response, request, full_url, answer)
            return answer


def tell_call(response, request, full_url, answer):
    name = api_call(request)
    bucket = response.backend.buckets.get(response.parse_bucket_name_from_url(request, full_url))
    if name is None or bucket is None:
        return
    call = CALL.get()
    status, headers, body = answer
    version_id = headers.get("x-amz-version-id", "null")
    upload_id = request.args.get("uploadId", call.upload_id)
    fact = {
        "fact": "call",
        "account": bucket.account_id,
        "region": bucket.region_name,
        "bucket": bucket.name,
        "eventName": name,
        "time": iso_8601_datetime_with_milliseconds(call.time or utcnow()),
        "requestId": call.request_id,
        "key": response.parse_key_name(),
        **({"uploadId": upload_id} if upload_id is not None else {}),
        **({"versionId": version_id} if version_id != "null" else {}),
    }
    if status >= 400:
        code = re.search(b"<Code>(.*?)</Code>", body)
        # moto refuses by a bucket's policy without a body.
        fact["errorCode"] = code[1].decode() if code else "AccessDenied"
    STARTER.tell(fact)


def api_call(request):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html; None for what is not told."""
    query = request.args
    match request.method:
        case "PUT" if not any(name in query for name in ("uploadId", "acl", "tagging", "retention", "legal-hold")):
            return "CopyObject" if "x-amz-copy-source" in request.headers else "PutObject"
        case "POST" if "uploads" in query:
            return "CreateMultipartUpload"
        case "POST" if "uploadId" in query:
            return "CompleteMultipartUpload"
        case "DELETE" if "uploadId" in query:
            return "AbortMultipartUpload"
        case "DELETE" if "tagging" not in query:
            return "DeleteObject"
    return None


def repair_notification_destinations_are_validated():
    """PutBucketNotificationConfiguration is refused where S3 may not send to a destination.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html

    moto accepts any destination: a stack that makes the notification before the queue's policy would apply here and fail on
    AWS. Who started moto looks, and sends S3's test event.
    """

    @around(s3_models.FakeBucket, "set_notification_configuration")
    def set_notification_configuration(original, bucket, configuration):
        before = bucket.notification_configuration
        try:
            original(bucket, configuration)
            new = bucket.notification_configuration
            if new is None:
                return
            destinations = [each.arn for each in (*new.queue, *new.topic, *new.cloud_function)]
            question = {
                "question": "notification-destinations",
                "account": bucket.account_id,
                "region": bucket.region_name,
                "bucket": bucket.name,
                "bucketArn": bucket.arn,
                "destinations": list(dict.fromkeys(destinations)),
            }
            refused = STARTER.ask(question)["refused"]
            if refused:
                message = "Unable to validate the following destination configurations"
                raise s3_exceptions.InvalidArgumentError(message, refused[0]["destination"], refused[0]["reason"])
        except Exception:
            bucket.notification_configuration = before
            raise

    s3_notifications.send_test_event = lambda **_arguments: None


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


# --- SNS --------------------------------------------------------------------------------------------------------------


def repair_messages_are_told_and_not_delivered():
    """A published message goes to those subscriptions whose endpoints' policies let SNS in.
    https://docs.aws.amazon.com/sns/latest/dg/sns-sqs-as-subscriber.html

    moto delivers without a look at policies, and takes RawMessageDelivery "false" for true.
    """

    def publish(topic, message, subject=None, message_attributes=None, message_structure=None, **_fifo):
        if message_attributes or message_structure:
            raise SNSInvalidParameter("local/ delivers messages without MessageAttributes and MessageStructure")
        message_id = str(uuid.uuid4())
        STARTER.tell(
            {
                "fact": "publish",
                "account": topic.account_id,
                "region": topic.sns_backend.region_name,
                "topicArn": topic.arn,
                "messageId": message_id,
                "message": message,
                **({"subject": subject} if subject is not None else {}),
            }
        )
        return message_id

    sns_models.Topic.publish = publish


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


def repair_asynchronous_settings_are_replaced():
    """PutFunctionEventInvokeConfig replaces the settings of a function.
    https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html

    moto keeps the first settings for ever: each plan would change them again.
    """

    @around(lambda_models.LambdaBackend, "put_function_event_invoke_config")
    def put(original, backend, function_name, config):
        backend.get_function(function_name).event_invoke_config.clear()
        return original(backend, function_name, config)


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


# --- CloudTrail -------------------------------------------------------------------------------------------------------


def repair_trails_are_found_by_name_and_arn():
    """DescribeTrails returns the trails that trailNameList names, and DeleteTrail deletes the trail of an ARN.
    https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DescribeTrails.html
    https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DeleteTrail.html

    moto returns all trails to each question (the apply of a second trail waits two minutes and fails) and keeps a trail that
    is deleted by its ARN, as Terraform does: it would go on recording after a destroy.
    """

    @around(cloudtrail_responses.CloudTrailResponse, "describe_trails")
    def describe_trails(original, response):
        answer = json.loads(original(response))
        names = response._get_param("trailNameList")
        if names:
            answer["trailList"] = [trail for trail in answer["trailList"] if {trail["Name"], trail["TrailARN"]} & set(names)]
        return json.dumps(answer)

    @around(cloudtrail_models.CloudTrailBackend, "delete_trail")
    def delete_trail(original, backend, name):
        original(backend, backend.get_trail(name).trail_name)


def repair_event_selectors_are_read_back():
    """A trail says whether it has event selectors of its own, and has basic ones or advanced ones, never both.
    https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html

    moto says that no trail has any, so that Terraform does not read them and plans nothing where somebody changed them; and
    basic selectors that follow advanced ones leave those in place, so that both would record.
    """

    @around(cloudtrail_models.Trail, "put_event_selectors")
    def put_event_selectors(_original, trail, event_selectors, advanced_event_selectors):
        trail.event_selectors = event_selectors or []
        trail.advanced_event_selectors = advanced_event_selectors or []

    @around(cloudtrail_models.Trail, "description")
    def description(original, trail, *args, **kwargs):
        selectors = trail.event_selectors or trail.advanced_event_selectors
        return {**original(trail, *args, **kwargs), "HasCustomEventSelectors": bool(selectors)}


# --- server -----------------------------------------------------------------------------------------------------------


def repair(url):
    repair_an_access_key_may_be_an_account()
    repair_expected_bucket_owners_are_compared()
    repair_multipart_uploads_are_dated_at_their_start()
    repair_an_upload_that_is_gone_is_told_so()
    repair_versions_can_be_deleted_after_versioning()
    repair_events_are_told_and_not_delivered()
    repair_versions_of_one_key_are_kept_in_order()
    repair_calls_are_told()
    repair_notification_destinations_are_validated()
    repair_eventbridge_flag_is_read_back()
    repair_conditional_statements_deny_nothing()
    repair_registries_in_china_have_their_own_suffix()
    repair_redrive_policies_are_read_back_as_set()
    repair_setting_one_attribute_keeps_the_queue_policy()
    repair_a_message_goes_to_one_receiver()
    repair_no_function_runs_inside_moto()
    repair_messages_are_told_and_not_delivered()
    repair_function_settings_are_read_back()
    repair_asynchronous_settings_are_replaced()
    repair_function_code_can_be_downloaded(url)
    repair_mapping_of_a_queue_with_short_visibility_is_refused()
    repair_trails_are_found_by_name_and_arn()
    repair_event_selectors_are_read_back()


def end_with_standard_input():
    try:
        STARTER.listen()
    finally:
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
    STARTER.tell({"url": url})
    server.serve_forever()


if __name__ == "__main__":
    main()
