//! Middleware shared by the services: authentication, limits, errors, ids, logging.
