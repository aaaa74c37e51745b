"""Writes to and reads from everything that the manifest declares, with boto3 as a real service would."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3


def used():
    dynamodb, s3, streams = boto3.resource("dynamodb"), boto3.client("s3"), boto3.client("dynamodbstreams")
    bucket = os.environ["DEPOT_BUCKET"]
    s3.put_object(Bucket=bucket, Key="folder/hello.txt", Body=b"written by the container")
    events = dynamodb.Table(os.environ["DEPOT_EVENTS_TABLE"])
    events.put_item(Item={"id": "1", "at": "2026", "kind": "arrival"})
    orders = dynamodb.Table(os.environ["DEPOT_ORDERS_TABLE"])
    orders.put_item(Item={"id": "7", "customer": "ada"})
    dynamodb.Table(os.environ["DEPOT_TABLE"]).put_item(Item={"id": "x"})
    stream = os.environ["DEPOT_TABLE_STREAM"]
    shard = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]["ShardId"]
    start = streams.get_shard_iterator(StreamArn=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    return {
        "secrets": {name: os.environ[name] for name in ("DB_USER", "DB_PASSWORD", "OLD_PASSWORD", "TOKEN")},
        "object": s3.get_object(Bucket=bucket, Key="folder/hello.txt")["Body"].read().decode(),
        "objects": [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]],
        "events": queried(events, "by_kind", "kind", "arrival"),
        "orders": queried(orders, "by_customer", "customer", "ada"),
        "stream": streams.get_records(ShardIterator=start["ShardIterator"])["Records"][0]["eventName"],
    }


def queried(table, index, key, value):
    names, values = {"#key": key}, {":value": value}
    found = table.query(
        IndexName=index,
        KeyConditionExpression="#key = :value",
        ExpressionAttributeNames=names,
        ExpressionAttributeValues=values,
    )
    return found["Items"]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            status, answer = 200, {} if self.path == "/healthz" else used()
        except Exception as error:
            status, answer = 500, {"error": repr(error)}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())


ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
