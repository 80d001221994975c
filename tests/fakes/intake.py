"""The whole of intake in memory: buckets, table, and a detector that notes what it is asked."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fakes.bucket import MemoryBucket, World
from tests.fakes.image_records import TIME
from tests.fakes.table import MemoryTable
from visionml.contracts.detector import DetectionOrder
from visionml.contracts.images import ImageRecord
from visionml.contracts.settings import RedactionSettings
from visionml.imaging.header import Limits
from visionml.imaging.redaction import Redactor
from visionml.intake.accepting import Acceptance, Accepted
from visionml.intake.messages import Upload
from visionml.intake.pseudonyms import Pseudonyms
from visionml.intake.receiving import Receiver
from visionml.intake.records import KEYS, Images

SIZES = (150, 300, 800)
LIMIT_BYTES = 10 * 1024 * 1024
PSEUDONYMS = Pseudonyms(lambda: "secret")


@dataclass
class MemoryIntake:
    """Intake with everything that it writes to."""

    redactor: Redactor | None = None
    keep_originals: bool = False
    world: World = field(default_factory=World)
    table: MemoryTable = field(default_factory=lambda: MemoryTable(KEYS))
    orders: list[DetectionOrder] = field(default_factory=list)
    accept: Callable[[bytes], Accepted] | None = None
    """None for what intake does."""

    def __post_init__(self) -> None:
        self.bucket = MemoryBucket(self.world)
        self.images = Images(self.table)  # type: ignore[arg-type]
        acceptance = Acceptance(
            limits=Limits(), sizes=SIZES, redaction=RedactionSettings(), redactor=self.redactor
        )
        originals = MemoryBucket(self.world, "originals") if self.keep_originals else None
        self.receiver = Receiver(
            bucket=self.bucket,  # type: ignore[arg-type]
            originals=originals,  # type: ignore[arg-type]
            images=self.images,
            accept=self.accept or acceptance.accept,
            detect=self._detect,
            pseudonyms=PSEUDONYMS,
            limit_bytes=LIMIT_BYTES,
            record_days=730,
        )

    def upload(
        self, content: bytes, key: str = "uploads/1/cat.jpg", metadata: dict[str, str] | None = None
    ) -> Upload:
        """Put a file where intake looks, and return what S3 tells of it."""
        version = self.bucket.write(
            key, content, content_type="image/jpeg", metadata=metadata or {}
        )
        return Upload("images", key, version, TIME, len(content))

    def known(self, upload: Upload) -> ImageRecord:
        """Return the record of an upload's image."""
        record = self.images.find(upload.image_id)
        assert record is not None
        return record

    def watch(self, step: Callable[[str], None]) -> None:
        """Have every write to anything told, before and after it."""
        self.world.step = self.table.step = self.step = step

    step: Callable[[str], None] = lambda _: None

    def _detect(self, order: DetectionOrder) -> None:
        self.step("detect")
        self.orders.append(order)
        self.step("detecting")
