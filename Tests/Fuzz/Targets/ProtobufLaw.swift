import GRPC
import ProtobufC

/// Bytes are refused with a typed error, or are a message whose own bytes then stand; its JSON is
/// made without a trap.
enum ProtobufLaw {
  /// The first byte chooses the message.
  static func check(_ input: [UInt8]) throws(BrokenLaw) {
    guard let choice = input.first else { return }
    let bytes = Array(input.dropFirst())
    switch choice % 5 {
    case 0: try check(ShapesV1.Scalars.self, bytes)
    case 1: try check(ShapesV1.Repeated.self, bytes)
    case 2: try check(ShapesV1.Maps.self, bytes)
    case 3: try check(ShapesV1.Choice.self, bytes)
    default: try check(ShapesV1.Tree.self, bytes)
    }
  }

  private static func check<Message: WireMessage & ProtoJSONMessage>(
    _ type: Message.Type, _ bytes: [UInt8]
  ) throws(BrokenLaw) {
    let message: Message
    do {
      message = try Message(wireBytes: bytes)
    } catch {
      try law(error is ProtobufError, "refused by \(error)")
      return
    }
    do {
      let own = try message.wireBytes()
      // Bytes, not values: NaN is not equal to itself.
      let again = try Message(wireBytes: own).wireBytes()
      try law(again == own, "\(type) is not stable: \(own) → \(again)")
      _ = try message.jsonText()
    } catch let error as BrokenLaw {
      throw error
    } catch {
      throw BrokenLaw("a message that was read can't be written: \(error)")
    }
  }
}
