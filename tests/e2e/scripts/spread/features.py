"""A module of the snapshot, which workers import as well."""

COUNT = 4
