//! The dependency descriptor (AV1 RTP specification, appendix A): what a frame is and needs, for
//! any codec, outside the payload.
//!
//! A sender describes its layers once per coded video sequence, as templates; packets then name
//! one. So the reader has state: the structure that is in force for the stream.

use std::sync::Arc;

use crate::bits::{BitReader, BitWriter};

const MAX_TEMPLATES: usize = 64;
/// AV1 has eight reference slots, and a frame names each at most once.
const MAX_REFERENCES: usize = 8;
/// The descriptor's own limits: two bits of spatial and three of temporal id.
const MAX_SPATIAL: u8 = 3;
const MAX_TEMPORAL: u8 = 7;

/// Longer ones than any structure needs are not read.
pub const MAX_BYTES: usize = 255;

/// Of one frame, for each decode target, as bit masks (bit 0 is decode target 0).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Indications {
    /// Part of the decode target.
    pub present: u32,
    /// Part of it, and no other frame of it needs this one.
    pub discardable: u32,
    /// All later frames of the decode target can be decoded from here.
    pub switch: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Template {
    spatial: u8,
    temporal: u8,
    indications: Indications,
    references: References,
}

/// How many frames back the frames are that this one is predicted from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct References {
    differences: [u16; MAX_REFERENCES],
    count: u8,
}

impl References {
    fn push(&mut self, difference: u16) -> Option<()> {
        *self.differences.get_mut(usize::from(self.count))? = difference;
        self.count += 1;
        Some(())
    }

    pub fn iter(&self) -> impl Iterator<Item = u16> {
        self.differences.iter().copied().take(self.count.into())
    }
}

/// The layers of one coded video sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    /// The number of the first template; the others follow, modulo 64.
    pub template_offset: u8,
    templates: Vec<Template>,
    chains: u8,
    /// (spatial, temporal) layer of each decode target.
    pub targets: Vec<(u8, u8)>,
    /// The shorter side of each spatial layer in pixels; empty when not told.
    pub heights: Vec<u16>,
}

impl Structure {
    pub fn template_count(&self) -> u8 {
        self.templates.len() as u8
    }

    /// Bits of all decode targets.
    pub fn all(&self) -> u32 {
        u32::MAX >> (32 - self.targets.len().clamp(1, 32))
    }

    /// The best of the `active` decode targets within these layers, or the least if none is within.
    pub fn best(&self, spatial: u8, temporal: u8, active: u32) -> u8 {
        let active = |target: &usize| active >> target & 1 == 1;
        let is_within = |target: &usize| {
            let (own_spatial, own_temporal) = self.targets[*target];
            own_spatial <= spatial && own_temporal <= temporal
        };
        let targets = || (0..self.targets.len()).filter(active);
        let best = targets()
            .filter(is_within)
            .max_by_key(|&target| self.targets[target]);
        best.or_else(|| targets().min_by_key(|&target| self.targets[target]))
            .unwrap_or(0) as u8
    }

    /// Decode targets all of whose frames belong to `target` too.
    pub fn within(&self, target: u8) -> u32 {
        let bit = 1 << target;
        let missing = self
            .templates
            .iter()
            .filter(|template| template.indications.present & bit == 0)
            .fold(0, |missing, template| {
                missing | template.indications.present
            });
        self.all() & !missing | bit
    }

    fn read(bits: &mut BitReader<'_>) -> Option<Structure> {
        let template_offset = bits.take(6)? as u8;
        let target_count = bits.take(5)? as usize + 1;
        let mut templates = read_layers(bits)?;
        for template in &mut templates {
            template.indications = read_indications(bits, target_count)?;
        }
        for template in &mut templates {
            while bits.take(1)? == 1 {
                template.references.push(bits.take(4)? as u16 + 1)?;
            }
        }
        let chains = bits.take_below(target_count as u32 + 1)? as u8;
        if chains > 0 {
            for _ in 0..target_count {
                bits.take_below(chains.into())?;
            }
            bits.skip(templates.len() * usize::from(chains) * 4)?;
        }
        let targets = (0..target_count)
            .map(|target| {
                let own = templates
                    .iter()
                    .filter(|each| each.indications.present >> target & 1 == 1);
                own.fold((0, 0), |(spatial, temporal): (u8, u8), each| {
                    (spatial.max(each.spatial), temporal.max(each.temporal))
                })
            })
            .collect();
        let mut heights = Vec::new();
        if bits.take(1)? == 1 {
            let highest = templates.iter().map(|each| each.spatial).max()?;
            for _ in 0..=highest {
                let (width, height) = (bits.take(16)?, bits.take(16)?);
                heights.push(width.min(height).saturating_add(1).min(0xffff) as u16);
            }
        }
        Some(Structure {
            template_offset,
            templates,
            chains,
            targets,
            heights,
        })
    }
}

fn read_layers(bits: &mut BitReader<'_>) -> Option<Vec<Template>> {
    let mut templates = Vec::new();
    let (mut spatial, mut temporal) = (0, 0);
    loop {
        if templates.len() == MAX_TEMPLATES {
            return None;
        }
        templates.push(Template {
            spatial,
            temporal,
            ..Template::default()
        });
        match bits.take(2)? {
            0 => {}
            1 => temporal += 1,
            2 => (spatial, temporal) = (spatial + 1, 0),
            _ => return Some(templates),
        }
        if spatial > MAX_SPATIAL || temporal > MAX_TEMPORAL {
            return None;
        }
    }
}

fn read_indications(bits: &mut BitReader<'_>, targets: usize) -> Option<Indications> {
    let mut indications = Indications::default();
    for target in 0..targets {
        let bit = 1 << target;
        match bits.take(2)? {
            0 => continue,
            1 => indications.discardable |= bit,
            2 => indications.switch |= bit,
            _ => {}
        }
        indications.present |= bit;
    }
    Some(indications)
}

/// What one packet says about its frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub starts_frame: bool,
    pub ends_frame: bool,
    pub number: u16,
    pub spatial: u8,
    pub temporal: u8,
    pub indications: Indications,
    pub references: References,
    /// The packet brings a new structure, as the first one of a coded video sequence does.
    pub has_structure: bool,
    /// Decode targets the sender produces now.
    pub active: u32,
    pub structure: Arc<Structure>,
    /// The descriptor as it came.
    pub bytes: Box<[u8]>,
    /// Where the bits of `active` are or would be, and where they and the descriptor end.
    mask_at: usize,
    mask_end: usize,
    end: usize,
}

impl Frame {
    /// True when the descriptor names its active decode targets.
    pub fn has_mask(&self) -> bool {
        self.mask_end > self.mask_at
    }

    /// The descriptor under another frame number, with `shift` added to all template numbers, and
    /// `active` as its active decode targets (None leaves them as they are).
    pub fn rewritten(&self, number: u16, shift: u8, active: Option<u32>) -> Box<[u8]> {
        let mut bits = BitReader::new(&self.bytes);
        let mut output = BitWriter::default();
        let mut copy = |output: &mut BitWriter, count: usize| {
            for _ in 0..count {
                output.put(bits.take(1).unwrap_or(0), 1);
            }
        };
        copy(&mut output, 24);
        output.replace(2, u32::from(self.template(shift, self.bytes[0])), 6);
        output.replace(8, number.into(), 16);
        if self.end > 24 {
            copy(&mut output, self.mask_at - 24);
        }
        if self.has_structure {
            let offset = self.structure.template_offset;
            output.replace(29, u32::from(self.template(shift, offset)), 6);
        }
        match active {
            None => copy(&mut output, self.end.saturating_sub(self.mask_at.max(24))),
            Some(active) => {
                if self.end <= 24 {
                    output.put(0, 5);
                }
                output.replace(25, 1, 1);
                output.put(active, self.structure.targets.len() as u32);
                // What was there is read over.
                let mut old = BitWriter::default();
                copy(&mut old, self.mask_end - self.mask_at);
                copy(&mut output, self.end.saturating_sub(self.mask_end.max(24)));
            }
        }
        output.into_bytes()
    }

    fn template(&self, shift: u8, number: u8) -> u8 {
        number.wrapping_add(shift) & 0x3f
    }
}

/// Reads the descriptors of one stream.
#[derive(Debug, Default)]
pub struct Reader {
    structure: Option<Arc<Structure>>,
    active: u32,
    /// Frame that brought the structure; older frames must not replace what it says.
    since: u16,
}

impl Reader {
    /// None when the descriptor is malformed, or belongs to a structure that is not known.
    pub fn read(&mut self, bytes: &[u8]) -> Option<Frame> {
        if bytes.len() > MAX_BYTES {
            return None;
        }
        let mut bits = BitReader::new(bytes);
        let (starts_frame, ends_frame) = (bits.take(1)? == 1, bits.take(1)? == 1);
        let template = bits.take(6)? as u8;
        let number = bits.take(16)? as u16;
        let mut flags = [false; 5];
        let is_extended = bytes.len() > 3;
        if is_extended {
            for flag in &mut flags {
                *flag = bits.take(1)? == 1;
            }
        }
        let [
            has_structure,
            has_mask,
            own_indications,
            own_references,
            own_chains,
        ] = flags;
        let structure = if has_structure {
            Arc::new(Structure::read(&mut bits)?)
        } else {
            self.structure.clone()?
        };
        let mask_at = bits.position();
        let targets = structure.targets.len() as u32;
        let mut active = if has_structure {
            structure.all()
        } else {
            self.active
        };
        if has_mask {
            active = bits.take(targets)?;
        }
        let mask_end = bits.position();
        let index = template.wrapping_sub(structure.template_offset) & 0x3f;
        let template = structure.templates.get(usize::from(index))?;
        let mut indications = template.indications;
        if own_indications {
            indications = read_indications(&mut bits, structure.targets.len())?;
        }
        let mut references = template.references;
        if own_references {
            references = References::default();
            loop {
                match bits.take(2)? {
                    0 => break,
                    size => references.push(bits.take(4 * size)? as u16 + 1)?,
                }
            }
        }
        if own_chains {
            bits.skip(usize::from(structure.chains) * 8)?;
        }
        let (spatial, temporal) = (template.spatial, template.temporal);
        let is_newer = number.wrapping_sub(self.since) < 0x8000;
        if has_structure && (is_newer || self.structure.is_none()) {
            self.structure = Some(Arc::clone(&structure));
            self.since = number;
            self.active = active;
        } else if has_mask && is_newer {
            self.active = active;
        }
        Some(Frame {
            starts_frame,
            ends_frame,
            number,
            spatial,
            temporal,
            indications,
            references,
            has_structure,
            active,
            structure,
            bytes: bytes.into(),
            mask_at,
            mask_end,
            end: bits.position(),
        })
    }
}
