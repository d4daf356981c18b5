"""fillings, their checks, and refused cylinders"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision: str | None = "0012b"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("cylinders", sa.Column("inspected_by", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.alter_column("cylinders", "inspected_by", server_default=None)
    op.create_table('filling_after_checks',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('organisation_id', sa.Text(), nullable=False),
    sa.Column('filled_id', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('method', sa.Text(), nullable=False),
    sa.Column('tag_uid', sa.Text(), nullable=False),
    sa.Column('staff_id', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('passed', sa.Boolean(), nullable=False),
    sa.Column('items', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('second_scale_number', sa.Text(), nullable=False),
    sa.Column('reweighed_gross_kg', sa.Double(), nullable=False),
    sa.Column('drained_gross_kg', sa.Double(), nullable=True),
    sa.Column('overfilled', sa.Boolean(), nullable=False),
    sa.Column('checker_certificate', sa.Text(), nullable=False),
    sa.Column('photos', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisations.id'], name=op.f('fk_filling_after_checks_organisation_id_organisations')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_filling_after_checks'))
    )
    op.create_index(op.f('ix_filling_after_checks_filled_id'), 'filling_after_checks', ['filled_id'])
    op.create_index(op.f('ix_filling_after_checks_organisation_id'), 'filling_after_checks', ['organisation_id'])
    op.create_table('filling_checks',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('organisation_id', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('method', sa.Text(), nullable=False),
    sa.Column('tag_uid', sa.Text(), nullable=False),
    sa.Column('staff_id', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('passed', sa.Boolean(), nullable=False),
    sa.Column('reasons', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('items', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('owner', sa.Text(), nullable=False),
    sa.Column('manufacturer', sa.Text(), nullable=False),
    sa.Column('next_inspection_on', sa.Date(), nullable=True),
    sa.Column('residual_pressure_mpa', sa.Double(), nullable=True),
    sa.Column('ambient_c', sa.Double(), nullable=True),
    sa.Column('photos', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisations.id'], name=op.f('fk_filling_checks_organisation_id_organisations')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_filling_checks'))
    )
    op.create_index('ix_filling_checks_at', 'filling_checks', ['organisation_id', 'at'])
    op.create_index(op.f('ix_filling_checks_organisation_id'), 'filling_checks', ['organisation_id'])
    op.create_table('fillings',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('organisation_id', sa.Text(), nullable=False),
    sa.Column('company_id', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('method', sa.Text(), nullable=False),
    sa.Column('tag_uid', sa.Text(), nullable=False),
    sa.Column('check_id', sa.Text(), nullable=False),
    sa.Column('staff_id', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('filling_company', sa.Text(), nullable=False),
    sa.Column('inspection_company', sa.Text(), nullable=False),
    sa.Column('gun_number', sa.Text(), nullable=False),
    sa.Column('gross_kg', sa.Double(), nullable=False),
    sa.Column('net_kg', sa.Double(), nullable=False),
    sa.Column('tare_kg', sa.Double(), nullable=False),
    sa.Column('residue_kg', sa.Double(), nullable=False),
    sa.Column('target_kg', sa.Double(), nullable=False),
    sa.Column('least_kg', sa.Double(), nullable=True),
    sa.Column('most_kg', sa.Double(), nullable=True),
    sa.Column('medium', sa.Text(), nullable=False),
    sa.Column('filled_on', sa.Date(), nullable=False),
    sa.Column('last_filled_on', sa.Date(), nullable=True),
    sa.Column('filler_number', sa.Text(), nullable=False),
    sa.Column('filler_certificate', sa.Text(), nullable=False),
    sa.Column('scale_number', sa.Text(), nullable=False),
    sa.Column('scale_verified_until', sa.Date(), nullable=True),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('doubts', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('corrects', sa.Text(), nullable=False),
    sa.Column('corrected_by', sa.Text(), nullable=False),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('withdrawn_by', sa.Text(), nullable=False),
    sa.Column('withdrawn_reason', sa.Text(), nullable=False),
    sa.Column('photos', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('point', Geometry("POINT", srid=4490, spatial_index=False), nullable=True),
    sa.CheckConstraint("state IN ('unchecked', 'passed', 'failed', 'underfilled', 'overfilled')", name=op.f('ck_fillings_state')),
    sa.ForeignKeyConstraint(['company_id'], ['organisations.id'], name=op.f('fk_fillings_company_id_organisations')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisations.id'], name=op.f('fk_fillings_organisation_id_organisations')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_fillings'))
    )
    op.create_index('ix_fillings_at', 'fillings', ['organisation_id', 'at'])
    op.create_index('ix_fillings_cylinder', 'fillings', ['company_id', 'code', 'at'])
    op.create_index(op.f('ix_fillings_organisation_id'), 'fillings', ['organisation_id'])
    op.create_table('refused_fillings',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('organisation_id', sa.Text(), nullable=False),
    sa.Column('company_id', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('staff_id', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('stage', sa.Text(), nullable=False),
    sa.Column('reasons', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('photos', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('handled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('handled_by', sa.Text(), nullable=False),
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('handling', sa.Text(), nullable=False),
    sa.CheckConstraint("(handled_at IS NULL) = (action = '')", name=op.f('ck_refused_fillings_handled')),
    sa.CheckConstraint("stage IN ('before', 'after')", name=op.f('ck_refused_fillings_stage')),
    sa.ForeignKeyConstraint(['company_id'], ['organisations.id'], name=op.f('fk_refused_fillings_company_id_organisations')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisations.id'], name=op.f('fk_refused_fillings_organisation_id_organisations')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_refused_fillings'))
    )
    op.create_index('ix_refused_fillings_at', 'refused_fillings', ['organisation_id', 'at'])
    op.create_index(op.f('ix_refused_fillings_organisation_id'), 'refused_fillings', ['organisation_id'])

def downgrade() -> None:
    for table in ("refused_fillings", "fillings", "filling_checks", "filling_after_checks"):
        op.drop_table(table)
    op.drop_column("cylinders", "inspected_by")
