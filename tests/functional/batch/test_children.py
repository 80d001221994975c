"""The jobs of a queue, as the platform's own adapter lists and ends them."""

from tests.functional.batch.world import World
from visionml.aws.batch_jobs import BatchJobs


def test_one_child_of_an_array_can_be_ended_and_the_others_go_on(world: World) -> None:
    name = world.name("array")
    parent = world.submit(
        world.define("sleep", "1"), arrayProperties={"size": 3}, jobName=f"{name}-0"
    )
    jobs = BatchJobs(world.batch, world.queue)
    (array,) = [job for job in jobs.named(name) if job.id == parent]
    children = jobs.children(array)
    assert [child.id for child in children] == [f"{parent}:{index}" for index in range(3)]
    jobs.terminate(children[-1].id, reason="Enough")
    assert world.ended(parent)["status"] == "FAILED"
    ended = [job.status for job in jobs.children(array)]
    assert ended == ["SUCCEEDED", "SUCCEEDED", "FAILED"]
