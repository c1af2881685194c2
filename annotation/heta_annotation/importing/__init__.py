"""Labels from elsewhere: any Label Studio JSON export, read as labels of the folder's items."""
