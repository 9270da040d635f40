// What would come out of the loudspeaker: measured beside it, before any script of the page runs.
(() => {
  const connect = AudioNode.prototype.connect;
  let meter = null;
  AudioNode.prototype.connect = function (to, ...rest) {
    if (to instanceof AudioDestinationNode) {
      if (!meter) {
        meter = this.context.createAnalyser();
        meter.fftSize = 32768; // 0.7 s
        meter.smoothingTimeConstant = 0;
      }
      connect.call(this, meter);
    }
    return connect.call(this, to, ...rest);
  };
  window.loudness = () => {
    if (!meter) return 0;
    const samples = new Float32Array(meter.fftSize);
    meter.getFloatTimeDomainData(samples);
    return samples.reduce((most, one) => Math.max(most, Math.abs(one)), 0);
  };
  window.pitch = () => {
    const bins = new Float32Array(meter.frequencyBinCount);
    meter.getFloatFrequencyData(bins);
    return (bins.indexOf(Math.max(...bins)) * meter.context.sampleRate) / meter.fftSize;
  };
})();
