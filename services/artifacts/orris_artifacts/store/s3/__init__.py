"""Object storage that speaks S3: a bucket of MinIO, SeaweedFS, AWS and others."""
