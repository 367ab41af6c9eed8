"""Turn measurements that others published into run records. One folder or file per kind; `base` says what an importer gives."""
