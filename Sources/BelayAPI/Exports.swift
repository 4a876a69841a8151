// Who imports the contract gets the types that its messages are made of.
@_exported import WellKnownTypes
