"""Store objects that are there in pieces. The SDK takes them as one, and reads those that come otherwise into one."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import urlsplit

from minio import Minio
from minio.credentials.credentials import Credentials
from minio.error import S3Error
from minio.helpers import DictType
from minio.signer import sign_v4_s3
from minio.time import to_amz_date, utcnow

from orris_artifacts.store.port import Bytes
from orris_artifacts.store.s3.bucket import Bucket
from orris_artifacts.store.s3.questions import CHECKSUM_HEADER


def put_pieces(bucket: Bucket, name: str, pieces: Iterable[Bytes], size: int, digest: str) -> None:
    """Store an object of pieces, of `size` bytes with this SHA-256; they may be asked for several times.

    What was damaged on its way is refused, also by those who do not check what is signed. Raises as `Bucket.ask`.
    """

    def put(client: Minio, bucket_name: str, name: str) -> None:
        # The SDK knows where a bucket is: AWS's have hosts of their own. What it signs in the address is not used.
        url = urlsplit(client.get_presigned_url("PUT", bucket_name, name))._replace(query="")
        now = utcnow()
        headers: DictType = {
            "Host": url.netloc,
            "Content-Length": str(size),
            "Content-Type": "application/octet-stream",
            CHECKSUM_HEADER: b64encode(bytes.fromhex(digest)).decode(),
            "x-amz-content-sha256": digest,
            "x-amz-date": to_amz_date(now),
        }
        keys = bucket.keys()
        if keys.session_token:
            headers["X-Amz-Security-Token"] = keys.session_token
        signed = sign_v4_s3(
            method="PUT",
            url=url,
            region=bucket.options.region,
            headers=headers,
            credentials=Credentials(keys.access_key, keys.secret_key, keys.session_token),
            content_sha256=digest,
            date=now,
        )
        response = bucket.connections.urlopen("PUT", url.geturl(), body=pieces, headers=signed)
        if response.status != HTTPStatus.OK:
            raise S3Error.fromxml(response)

    bucket.ask(put, name)
