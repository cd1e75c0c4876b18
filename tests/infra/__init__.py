"""Tests of the templates, the policies, the package and the local stack."""
