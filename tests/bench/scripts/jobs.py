"""Submit jobs to a Ray cluster: `jobs.py ADDRESS FOLDER`. For each line read, prints how late a job's script began.

The library and its connection are there before the clock runs; the job's first upload of the folder is the first one's.
"""

import logging
import sys
import time

from ray.job_submission import JobStatus, JobSubmissionClient


def until_started(client, folder):
    begin = time.time()
    job = client.submit_job(entrypoint=f"{sys.executable} started.py", runtime_env={"working_dir": folder})
    while not client.get_job_status(job).is_terminal():
        time.sleep(0.05)
    assert client.get_job_status(job) == JobStatus.SUCCEEDED, client.get_job_logs(job)
    return float(client.get_job_logs(job).split()[-1]) - begin


def main(address, folder):
    logging.disable(logging.INFO)
    client = JobSubmissionClient(address)
    print("ready", flush=True)
    for _ in sys.stdin:
        print(until_started(client, folder), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
