"""the number on the cylinder itself where it is another; tags of all scrapped cylinders are dead"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision: str | None = "0015"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_COLUMNS = ("stamped", "stamp_photo")
# Those that a record scrapped were not written down until now.
_BURY = """
INSERT INTO dead_tags (tag_uid, company_id, cylinder_id, code, reason, at)
SELECT regexp_replace(upper(carried.uid), '[^[:alnum:]]', '', 'g'), c.company_id, c.id, c.code, 'scrapped', now()
  FROM cylinders c,
       LATERAL (SELECT c.tag_uid AS uid UNION SELECT t.uid FROM cylinder_tags t WHERE t.cylinder_id = c.id) carried
 WHERE c.scrapped AND carried.uid <> ''
    ON CONFLICT DO NOTHING
"""


def upgrade() -> None:
    for name in _COLUMNS:
        op.add_column("cylinder_movements", sa.Column(name, sa.Text(), server_default="", nullable=False))
        op.alter_column("cylinder_movements", name, server_default=None)
    op.execute(_BURY)


def downgrade() -> None:
    for name in _COLUMNS:
        op.drop_column("cylinder_movements", name)
