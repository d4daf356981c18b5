"""The documents that phone, server, office and regulator share, each declared once."""

import msgspec

from sync.documents.alarms import AlarmCleared, AlarmRaised, FireWaterStarted, StationReadings
from sync.documents.customers import CustomerCompleted, CustomerPaperDone
from sync.documents.cylinders import CylinderRefused, CylindersLoaded, CylindersStored
from sync.documents.deliveries import DeliveryChecked, DeliveryCompleted, VisitFailed
from sync.documents.envelope import BackendDocument, Record, with_id
from sync.documents.filling import CylinderFilled, FillingCheckedAfter, FillingCheckedBefore
from sync.documents.hazards import HazardReported, LeakSuspected, ThirdPartyWorksReported
from sync.documents.patrol import (
    CheckPointVisited,
    PatrolFinished,
    PatrolPaused,
    PatrolStarted,
    PatrolTracked,
    ShiftChecked,
)
from sync.documents.photos import Photo, VoiceNote
from sync.documents.receipts import Membership, QuarterClosed, Receipt
from sync.documents.reference import (
    Certificate,
    ChoiceList,
    CompanySettings,
    Cylinder,
    Facility,
    InspectionReminder,
    Pipe,
    TagKeys,
)
from sync.documents.tags import TagBound, TagWritten
from sync.documents.tasks import DeliveryTask, PatrolTask
from sync.documents.vehicles import VehicleTracked

FieldRecord = (
    ShiftChecked
    | PatrolStarted
    | PatrolTracked
    | PatrolPaused
    | CheckPointVisited
    | PatrolFinished
    | HazardReported
    | LeakSuspected
    | ThirdPartyWorksReported
    | CylindersLoaded
    | CylindersStored
    | CylinderRefused
    | TagBound
    | TagWritten
    | DeliveryChecked
    | DeliveryCompleted
    | VisitFailed
    | FillingCheckedBefore
    | CylinderFilled
    | FillingCheckedAfter
    | CustomerCompleted
    | CustomerPaperDone
    | VehicleTracked
    | AlarmRaised
    | AlarmCleared
    | FireWaterStarted
    | StationReadings
    | Photo
    | VoiceNote
)
BackendWritten = (
    PatrolTask
    | DeliveryTask
    | Receipt
    | Membership
    | QuarterClosed
    | Pipe
    | Facility
    | Cylinder
    | Certificate
    | InspectionReminder
    | ChoiceList
    | CompanySettings
    | TagKeys
)

FIELD_TYPES: dict[str, type[Record]] = {str(t.__struct_config__.tag): t for t in FieldRecord.__args__}
BACKEND_TYPES: dict[str, type[BackendDocument]] = {str(t.__struct_config__.tag): t for t in BackendWritten.__args__}

_field_decoder: msgspec.json.Decoder[FieldRecord] = msgspec.json.Decoder(FieldRecord)
_backend_decoder: msgspec.json.Decoder[BackendWritten] = msgspec.json.Decoder(BackendWritten)


def decode_record(doc_id: str, body: bytes) -> FieldRecord:
    """The record in a stored body. Raises msgspec.ValidationError, which names the field."""
    return _field_decoder.decode(with_id(doc_id, body))


def decode_backend(doc_id: str, body: bytes) -> BackendWritten:
    """What the backend wrote; its signature is to be checked apart (`sync.signatures`)."""
    return _backend_decoder.decode(with_id(doc_id, body))
