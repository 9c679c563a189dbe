"""Prints a Parquet file as pyarrow and pandas read it, as JSON: its fields, its rows, pandas' types."""

import datetime
import decimal
import json
import math
import sys
import uuid

import pandas
import pyarrow.parquet


def plain(value):
    if isinstance(value, list):
        return [plain(element) for element in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, (decimal.Decimal, uuid.UUID)):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.timezone.utc).isoformat()
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    return value


def read_names(path):
    return pyarrow.parquet.read_schema(path).names


paths = sys.argv[1:]
table = pyarrow.parquet.ParquetDataset(paths).read()
# What pandas' own types can not hold: lists of uuids.
held = [f.name for f in table.schema if str(f.type) != "list<element: extension<arrow.uuid>>"]
frame = pandas.concat(
    [
        pandas.read_parquet(path, columns=[name for name in held if name in read_names(path)])
        for path in paths
    ]
)
arrow_frame = pandas.read_parquet(paths[0], dtype_backend="pyarrow")
json.dump(
    {
        "fields": [
            {
                "name": field.name,
                "type": str(field.type),
                "id": int(field.metadata[b"PARQUET:field_id"]),
            }
            for field in table.schema
        ],
        "rows": [
            {name: plain(value) for name, value in row.items()} for row in table.to_pylist()
        ],
        "pandas_arrow": {name: str(dtype) for name, dtype in arrow_frame.dtypes.items()},
        "pandas": {name: str(dtype) for name, dtype in frame.dtypes.items()},
        "current": sorted(
            int(id)
            for id in frame.sort_values("_seq")
            .drop_duplicates("id", keep="last")
            .query("not _deleted")["id"]
        ),
    },
    sys.stdout,
)
