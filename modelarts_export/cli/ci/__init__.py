"""Reports for CI systems: workflow commands and files of GitHub Actions, dotenv files, JUnit files."""
