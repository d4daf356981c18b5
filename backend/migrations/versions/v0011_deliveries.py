"""deliveries to their end, customers registered at the door, vehicles"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = '0011'
down_revision: str | None = '0007b'
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table('personal_pictures',
    sa.Column('photo_id', sa.Text(), nullable=False),
    sa.Column('customer_id', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('photo_id', name=op.f('pk_personal_pictures'))
    )
    op.create_index(op.f('ix_personal_pictures_customer_id'), 'personal_pictures', ['customer_id'], unique=False)
    op.create_table('customer_paper_records',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('organisation_id', sa.Text(), nullable=False),
    sa.Column('customer_id', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('task_id', sa.Text(), nullable=False),
    sa.Column('staff_id', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('number', sa.Text(), nullable=False),
    sa.Column('valid_until', sa.Date(), nullable=True),
    sa.Column('photos', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisations.id'], name=op.f('fk_customer_paper_records_organisation_id_organisations')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_customer_paper_records'))
    )
    op.create_index(op.f('ix_customer_paper_records_customer_id'), 'customer_paper_records', ['customer_id'], unique=False)
    op.create_index(op.f('ix_customer_paper_records_organisation_id'), 'customer_paper_records', ['organisation_id'], unique=False)
    op.create_index(op.f('ix_customer_paper_records_task_id'), 'customer_paper_records', ['task_id'], unique=False)
    op.create_table('station_returns',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('organisation_id', sa.Text(), nullable=False),
    sa.Column('station_id', sa.Text(), nullable=False),
    sa.Column('vehicle', sa.Text(), nullable=False),
    sa.Column('staff_id', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('full', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('empty', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('missing', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('missing_reason', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisations.id'], name=op.f('fk_station_returns_organisation_id_organisations')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_station_returns'))
    )
    op.create_index(op.f('ix_station_returns_at'), 'station_returns', ['at'], unique=False)
    op.create_index(op.f('ix_station_returns_organisation_id'), 'station_returns', ['organisation_id'], unique=False)
    op.create_geospatial_table('vehicle_tracks',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('organisation_id', sa.Text(), nullable=False),
    sa.Column('company_id', sa.Text(), nullable=False),
    sa.Column('plate', sa.Text(), nullable=False),
    sa.Column('staff_id', sa.Text(), nullable=False),
    sa.Column('round_id', sa.Text(), nullable=False),
    sa.Column('chunk', sa.Integer(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('points', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('last_point', Geometry(geometry_type='POINT', srid=4490, dimension=2, spatial_index=False, from_text='ST_GeomFromEWKT', name='geometry', nullable=False), nullable=False),
    sa.ForeignKeyConstraint(['company_id'], ['organisations.id'], name=op.f('fk_vehicle_tracks_company_id_organisations')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisations.id'], name=op.f('fk_vehicle_tracks_organisation_id_organisations')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_vehicle_tracks'))
    )
    op.create_geospatial_index('idx_vehicle_tracks_last_point', 'vehicle_tracks', ['last_point'], unique=False, postgresql_using='gist', postgresql_ops={})
    op.create_index(op.f('ix_vehicle_tracks_organisation_id'), 'vehicle_tracks', ['organisation_id'], unique=False)
    op.create_index('ix_vehicle_tracks_plate', 'vehicle_tracks', ['company_id', 'plate', 'started_at'], unique=False)
    op.create_index(op.f('ix_vehicle_tracks_round_id'), 'vehicle_tracks', ['round_id'], unique=False)
    op.create_index('ix_vehicle_tracks_staff', 'vehicle_tracks', ['staff_id', 'started_at'], unique=False)
    op.create_table('vehicles',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('organisation_id', sa.Text(), nullable=False),
    sa.Column('company_id', sa.Text(), nullable=False),
    sa.Column('district', sa.Text(), nullable=False),
    sa.Column('owner', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('plate', sa.Text(), nullable=False),
    sa.Column('photo_id', sa.Text(), nullable=False),
    sa.Column('driver_id', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('retired', sa.Boolean(), nullable=False),
    sa.Column('registered_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['company_id'], ['organisations.id'], name=op.f('fk_vehicles_company_id_organisations')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisations.id'], name=op.f('fk_vehicles_organisation_id_organisations')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_vehicles')),
    sa.UniqueConstraint('company_id', 'code', name=op.f('uq_vehicles_company_id_code')),
    sa.UniqueConstraint('company_id', 'plate', name=op.f('uq_vehicles_company_id_plate'))
    )
    op.create_index(op.f('ix_vehicles_driver_id'), 'vehicles', ['driver_id'], unique=False)
    op.create_index(op.f('ix_vehicles_organisation_id'), 'vehicles', ['organisation_id'], unique=False)
    op.create_table('deposit_slips',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('delivery_id', sa.Text(), nullable=False),
    sa.Column('organisation_id', sa.Text(), nullable=False),
    sa.Column('customer_id', sa.Text(), nullable=False),
    sa.Column('staff_id', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('number', sa.Text(), nullable=False),
    sa.Column('specification', sa.Text(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('amount_fen', sa.Integer(), nullable=False),
    sa.Column('moved_to', sa.Text(), nullable=False),
    sa.CheckConstraint("kind IN ('taken', 'refunded', 'moved')", name=op.f('ck_deposit_slips_kind')),
    sa.CheckConstraint('quantity > 0 AND amount_fen >= 0', name=op.f('ck_deposit_slips_amounts')),
    sa.ForeignKeyConstraint(['delivery_id'], ['deliveries.id'], name=op.f('fk_deposit_slips_delivery_id_deliveries')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisations.id'], name=op.f('fk_deposit_slips_organisation_id_organisations')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_deposit_slips'))
    )
    op.create_index(op.f('ix_deposit_slips_customer_id'), 'deposit_slips', ['customer_id'], unique=False)
    op.create_index(op.f('ix_deposit_slips_delivery_id'), 'deposit_slips', ['delivery_id'], unique=False)
    op.create_index('ix_deposit_slips_number', 'deposit_slips', ['organisation_id', 'number'], unique=False)
    op.create_index(op.f('ix_deposit_slips_organisation_id'), 'deposit_slips', ['organisation_id'], unique=False)
    _add('customer_papers', sa.Column('done_by', sa.Text(), server_default=sa.text("''"), nullable=False))
    _add('customer_papers', sa.Column('record_id', sa.Text(), server_default=sa.text("''"), nullable=False))
    _add('customers', sa.Column('identity_photo', sa.Text(), server_default=sa.text("''"), nullable=False))
    _add('customers', sa.Column('completed', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False))
    _add('deliveries', sa.Column('signature_photo', sa.Text(), server_default=sa.text("''"), nullable=False))
    _add('deliveries', sa.Column('corrects', sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column('deliveries', sa.Column('voided_at', sa.DateTime(timezone=True), nullable=True))
    _add('deliveries', sa.Column('voided_by', sa.Text(), server_default=sa.text("''"), nullable=False))
    _add('deliveries', sa.Column('void_reason', sa.Text(), server_default=sa.text("''"), nullable=False))
    op.create_index(op.f('ix_deliveries_corrects'), 'deliveries', ['corrects'], unique=False)
    _add('delivery_checks', sa.Column('list_version', sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column('failed_visits', sa.Column('witness_sealed', sa.LargeBinary(), nullable=True))
    _add('failed_visits', sa.Column('door_photo', sa.Text(), server_default=sa.text("''"), nullable=False))
    _add('failed_visits', sa.Column('notice_photo', sa.Text(), server_default=sa.text("''"), nullable=False))
    _add('failed_visits', sa.Column('notice_handed_over', sa.Boolean(), server_default=sa.text("false"), nullable=False))


def downgrade() -> None:
    op.drop_column('failed_visits', 'notice_handed_over')
    op.drop_column('failed_visits', 'notice_photo')
    op.drop_column('failed_visits', 'door_photo')
    op.drop_column('failed_visits', 'witness_sealed')
    op.drop_column('delivery_checks', 'list_version')
    op.drop_index(op.f('ix_deliveries_corrects'), table_name='deliveries')
    op.drop_column('deliveries', 'void_reason')
    op.drop_column('deliveries', 'voided_by')
    op.drop_column('deliveries', 'voided_at')
    op.drop_column('deliveries', 'corrects')
    op.drop_column('deliveries', 'signature_photo')
    op.drop_column('customers', 'completed')
    op.drop_column('customers', 'identity_photo')
    op.drop_column('customer_papers', 'record_id')
    op.drop_column('customer_papers', 'done_by')
    op.drop_index(op.f('ix_deposit_slips_organisation_id'), table_name='deposit_slips')
    op.drop_index('ix_deposit_slips_number', table_name='deposit_slips')
    op.drop_index(op.f('ix_deposit_slips_delivery_id'), table_name='deposit_slips')
    op.drop_index(op.f('ix_deposit_slips_customer_id'), table_name='deposit_slips')
    op.drop_table('deposit_slips')
    op.drop_index(op.f('ix_vehicles_organisation_id'), table_name='vehicles')
    op.drop_index(op.f('ix_vehicles_driver_id'), table_name='vehicles')
    op.drop_table('vehicles')
    op.drop_index('ix_vehicle_tracks_staff', table_name='vehicle_tracks')
    op.drop_index(op.f('ix_vehicle_tracks_round_id'), table_name='vehicle_tracks')
    op.drop_index('ix_vehicle_tracks_plate', table_name='vehicle_tracks')
    op.drop_index(op.f('ix_vehicle_tracks_organisation_id'), table_name='vehicle_tracks')
    op.drop_geospatial_index('idx_vehicle_tracks_last_point', table_name='vehicle_tracks', postgresql_using='gist', column_name='last_point')
    op.drop_geospatial_table('vehicle_tracks')
    op.drop_index(op.f('ix_station_returns_organisation_id'), table_name='station_returns')
    op.drop_index(op.f('ix_station_returns_at'), table_name='station_returns')
    op.drop_table('station_returns')
    op.drop_index(op.f('ix_customer_paper_records_task_id'), table_name='customer_paper_records')
    op.drop_index(op.f('ix_customer_paper_records_organisation_id'), table_name='customer_paper_records')
    op.drop_index(op.f('ix_customer_paper_records_customer_id'), table_name='customer_paper_records')
    op.drop_table('customer_paper_records')
    op.drop_index(op.f('ix_personal_pictures_customer_id'), table_name='personal_pictures')
    op.drop_table('personal_pictures')


def _add(table: str, column: "sa.Column[Any]") -> None:
    """What is there already gets the default; what is new says itself what it is."""
    op.add_column(table, column)
    op.alter_column(table, column.name, server_default=None)
