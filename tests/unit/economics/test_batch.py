"""The simulation of a batch run says what can be calculated, and what was measured."""

import math
from statistics import mean

import pytest

from visionml.economics.batch import Course, Fleet, Job, cost, simulated
from visionml.economics.prices import load

SURE = Fleet(vcpus=8, job_vcpus=2, launch_seconds=100, lost_an_hour=0)
JOB = Job(images_per_second=10, start_seconds=20)
PRICES = load("us-east-1")


def test_without_losses_a_run_takes_its_rounds_of_jobs() -> None:
    course = simulated(10_000, job=JOB, fleet=SURE, images_per_part=1_000)

    # ten parts in four places are three rounds of 20 s to start and 1,000 images at 20 a second
    assert course.seconds == 100 + 3 * (20 + 1_000 / 20)
    assert course.busy_seconds == 10 * (20 + 1_000 / 20)
    assert (course.parts, course.lost, course.images_again, course.missing) == (10, 0, 0, 0)
    assert course.images_per_second == 10_000 / course.seconds


def test_the_last_part_is_as_small_as_what_is_left() -> None:
    course = simulated(1_500, job=JOB, fleet=SURE, images_per_part=1_000)
    assert course.seconds == 100 + 20 + 1_000 / 20
    assert course.busy_seconds == 2 * 20 + 1_500 / 20


def test_an_endpoint_that_is_slower_than_the_jobs_bounds_the_run() -> None:
    course = simulated(8_000, job=JOB, fleet=SURE, images_per_part=2_000, endpoint_per_second=40)
    assert course.seconds == 100 + 20 + 8_000 / 40
    wider = Fleet(vcpus=16, job_vcpus=2, launch_seconds=100, lost_an_hour=0)
    again = simulated(8_000, job=JOB, fleet=wider, images_per_part=2_000, endpoint_per_second=40)
    assert again.seconds == course.seconds


def test_a_run_of_nothing_takes_nothing() -> None:
    course = simulated(0, job=JOB, fleet=SURE)
    assert course == Course(0, 0, 0.0, 0.0, 0, 0, 0)
    assert course.images_per_second == 0


def test_losses_are_as_many_as_chance_says() -> None:
    fleet = Fleet(vcpus=200, job_vcpus=2, launch_seconds=0, lost_an_hour=1.0, attempts=1_000)
    courses = [
        simulated(200_000, job=JOB, fleet=fleet, images_per_part=10_000, seed=seed)
        for seed in range(200)
    ]

    # attempts at a part of 520 s are geometric with the chance exp(-520 / 3600) to come to an end
    wanted = 20 * (math.exp(520 / 3600) - 1)
    assert mean(course.lost for course in courses) == pytest.approx(wanted, rel=0.1)
    assert all(course.missing == 0 for course in courses)
    assert mean(course.images_again for course in courses) > 0


def test_parts_that_are_lost_each_time_are_missing_and_the_run_comes_to_an_end() -> None:
    hopeless = Fleet(vcpus=8, job_vcpus=2, lost_an_hour=100_000, attempts=3)
    course = simulated(4_000, job=JOB, fleet=hopeless, images_per_part=1_000)
    assert (course.missing, course.lost) == (4, 12)


def test_a_small_run_took_what_is_simulated_from_other_runs() -> None:
    # Seconds of one processor that `batch` took for parts of ResNet-18 and photographs of 2
    # megapixels, with S3 and DynamoDB of the embedded AWS: two parts of 10 images, two of 30, and
    # then three of 40, one after the other.
    ten, thirty, three_of_forty = mean([2.35, 2.20]), mean([2.95, 2.90]), 9.89
    rate = 20 / (thirty - ten)
    job = Job(images_per_second=rate, start_seconds=ten - 10 / rate)
    one_place = Fleet(vcpus=1, job_vcpus=1, launch_seconds=0, lost_an_hour=0)

    course = simulated(120, job=job, fleet=one_place, images_per_part=40)

    assert 25 < rate < 40
    assert course.seconds == pytest.approx(three_of_forty, rel=0.05)


def test_a_run_costs_what_the_price_list_says() -> None:
    course = Course(1_000_000, 500, 3_600, 3_600 * 100, 0, 0, 0)
    fleet = Fleet(vcpus=200, job_vcpus=2)

    found = cost(course, fleet=fleet, prices=PRICES, endpoint=("ml.m5.large", 10))

    hour = PRICES["ec2-m-vcpu"].usd(1)
    assert found["instances"] == pytest.approx(200 * hour * 0.4)
    assert found["reading"] == pytest.approx(0.40)  # $0.0004 for a thousand
    assert found["listing and writing"] == pytest.approx((1_000 + 1_500) * 0.000005)
    assert found["table"] == pytest.approx(PRICES["dynamodb-write"].usd(1_000_000))
    assert found["endpoint"] == pytest.approx(10 * PRICES["ml.m5.large"].usd(1))
    bare = cost(course, fleet=fleet, prices=PRICES, table=False, spot_discount=0)
    assert "table" not in bare
    assert bare["instances"] == pytest.approx(200 * hour)
