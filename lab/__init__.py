"""The machine room: gets Weaviate and the models running, opens the course, proves it. Run: python3 -m lab"""
