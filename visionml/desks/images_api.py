"""The images API, called as a customer calls it: a form is ordered, posted, and looked after."""

import json
from collections.abc import Iterator
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import urllib3
from pydantic import BaseModel, ValidationError

from visionml.contracts.images import (
    NAME_HEADER,
    USER_HEADER,
    ImageAnswer,
    ImageList,
    ImageRecord,
    UploadForm,
    UploadOrder,
    UploadTaken,
    image_id,
)
from visionml.desks.api_access import Answer, ApiAccess
from visionml.desks.platform import Platform
from visionml.errors import RequestRefused, VisionmlError
from visionml.imaging.header import read_header
from visionml.serving.statuses import error_of

_TIMEOUT_SECONDS = 35
_JSON = {"content-type": "application/json"}
_Body = TypeVar("_Body", bound=BaseModel)


class ImagesApi(ApiAccess):
    """``/upload`` and ``/images`` of an environment; `ask` sends it anything."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(platform, platform.names.images_api, title="The images API of visionml")
        self._bucket = platform.bucket("images")
        self._ca_bundle = platform.ca_bundle

    def order(
        self, content_type: str, length: int, *, name: str = "", user: str = ""
    ) -> UploadForm:
        """Return a form that takes one image of this type and of so many bytes, for a while.

        Raises
        ------
        RequestRefused
            The API issues none for such an image; the message says why.
        """
        order = UploadOrder.model_construct(
            content_type=content_type, bytes=length, name=name, user=user
        )
        body = order.model_dump_json(warnings=False).encode()
        return _body(UploadForm, self.ask("POST", "/upload", body, headers=_JSON))

    def post(self, form: UploadForm, content: bytes) -> str | None:
        """Send an image by its form, and return its id where S3 tells its version.

        Raises
        ------
        RequestRefused
            It is not what the form was ordered for, or the form has expired.
        """
        fields: list[Any] = [*form.fields.items(), ("file", ("image", content))]
        answer = self._s3.request("POST", form.url, fields=fields, retries=False)
        if answer.status not in {200, 201, 204}:
            raise RequestRefused(
                f"S3 refused the image with status {answer.status}.",
                code=f"http_{answer.status}",
                status=answer.status,
                hint="Order a form with its exact size and type, and post it before it expires.",
            )
        version = answer.headers.get("x-amz-version-id")
        return image_id(self._bucket, form.key, version) if version else None

    def send(self, content: bytes, *, name: str = "", user: str = "") -> str:
        """Send an image in the request itself and return its id.

        Raises
        ------
        ImageRefused
            The bytes are no image.
        RequestRefused
            It is too large for a request: order a form.
        """
        headers = {"content-type": f"image/{read_header(content).format}"}
        headers |= {NAME_HEADER: quote(name)} if name else {}
        headers |= {USER_HEADER: quote(user)} if user else {}
        return _body(UploadTaken, self.ask("POST", "/upload", content, headers=headers)).image_id

    def get(self, image: str) -> ImageAnswer:
        """Return what is known of an image, with signed links to its previews.

        Raises
        ------
        RequestRefused
            404: nothing, or nothing yet.
        """
        return _body(ImageAnswer, self.ask("GET", f"/images/{quote(image, safe='')}"))

    def list(self, **parameters: object) -> ImageList:
        """Return a page of images: ``status``, ``label``, ``user``, ``limit``, ``next``...

        ``from`` is written ``from_``, since Python has a use for it.

        Raises
        ------
        RequestRefused
            400: a parameter is wrong.
        """
        named = {name.rstrip("_"): value for name, value in parameters.items() if value is not None}
        query = f"?{urlencode(named)}" if named else ""
        return _body(ImageList, self.ask("GET", f"/images{query}"))

    def pages(self, **parameters: object) -> Iterator[ImageRecord]:
        """Yield all images that `list` pages through."""
        page = self.list(**parameters)
        yield from page.images
        while page.next:
            page = self.list(**{**parameters, "next": page.next})
            yield from page.images

    @cached_property
    def _s3(self) -> urllib3.PoolManager:
        return urllib3.PoolManager(ca_certs=self._ca_bundle, timeout=_TIMEOUT_SECONDS)


def _body(kind: type[_Body], answer: Answer) -> _Body:
    if answer.status not in {200, 201, 202}:
        raise error_of(answer.status, json.dumps(answer.body))
    try:
        return kind.model_validate(answer.body)
    except ValidationError as error:
        raise VisionmlError(
            "The images API answered something other than expected.",
            hint="Deploy this version of the stacks: `visionml deploy`.",
        ) from error
